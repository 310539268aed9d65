// One NVIDIA GPU as a device: its primary context, memory, streams and kernels.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <vector>

#include "device/device.h"

namespace rekindle {

/// What a GPU says of itself.
struct GpuProperties {
  std::string name;
  int sm = 0;  // compute capability times 10
  int multiprocessors = 0;
  int64_t memory_bytes = 0, l2_bytes = 0;
  int shared_per_block = 0;  // bytes, opt-in included
  double clock_ghz = 0, memory_gb_per_s = 0;
};

/// GPU number `ordinal`. Errors: no driver, an old one, no such GPU, out of memory.
Result<std::shared_ptr<Device>> open_cuda(int ordinal);
Result<std::vector<GpuProperties>> list_gpus();

}  // namespace rekindle
