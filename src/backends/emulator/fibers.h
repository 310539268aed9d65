// Stacks for the threads of a block, which take turns on one thread of the machine.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <memory>

#include "base/result.h"

namespace rekindle::emulator {

/// `count` stacks in one piece of memory, a page that cannot be touched below each.
class FiberStacks {
 public:
  static Result<FiberStacks> make(size_t count);
  /// The lowest byte of a stack.
  std::byte* low(size_t i) const { return static_cast<std::byte*>(memory_.get()) + i * stride_ + guard_; }
  size_t bytes() const { return stride_ - guard_; }

 private:
  std::shared_ptr<void> memory_;
  size_t stride_ = 0, guard_ = 0;
};

}  // namespace rekindle::emulator
