// Memory that is kept from run to run and only grows.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "device/device.h"

namespace rekindle {

struct Storage {
  std::shared_ptr<void> memory;
  int64_t capacity = 0;

  void* data() const { return memory.get(); }
  /// What was there is lost when it grows: the old memory goes first, so that both never exist together.
  /// Whoever still holds `memory` keeps it.
  Status grow(Device& device, int64_t bytes) {
    if (bytes <= capacity) return {};
    memory.reset(), capacity = 0;
    RK_TRY(memory, device.allocate(bytes));
    capacity = bytes;
    return {};
  }
  /// The same in host memory that the device copies to and from.
  Status grow_staging(Device& device, int64_t bytes) {
    if (bytes <= capacity) return {};
    memory.reset(), capacity = 0;
    RK_TRY(memory, device.allocate_staging(bytes));
    capacity = bytes;
    return {};
  }
  /// Grows to at least twice what it has, and keeps the first `used` bytes. Host memory only.
  Status append_room(Device& device, int64_t used, int64_t bytes);
};

}  // namespace rekindle
