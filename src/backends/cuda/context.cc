// Opening GPUs.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/context.h"

#include <algorithm>

namespace rekindle {

namespace cuda {

Result<GpuProperties> read_properties(const Driver& driver, DeviceNumber device) {
  GpuProperties gpu;
  char name[256] = {};
  RK_DRIVER_CHECK(driver, device_name(name, sizeof name - 1, device), "asking for a GPU's name");
  gpu.name = name;
  const auto read = [&](int attribute) {
    int value = 0;
    return driver.device_attribute(&value, attribute, device) == kSuccess ? value : 0;
  };
  gpu.sm = read(kMajor) * 10 + read(kMinor);
  gpu.multiprocessors = read(kMultiprocessors);
  gpu.l2_bytes = read(kL2Bytes);
  gpu.shared_per_block = std::max(read(kMaxSharedPerBlock), read(kMaxSharedOptIn));
  gpu.clock_ghz = read(kClockKilohertz) / 1e6;
  // Two transfers a clock, 8 bits a byte.
  gpu.memory_gb_per_s = 2.0 * read(kMemoryClockKilohertz) * 1e3 * read(kMemoryBusBits) / 8 / 1e9;
  size_t bytes = 0;
  RK_DRIVER_CHECK(driver, device_memory(&bytes, device), "asking for a GPU's memory");
  gpu.memory_bytes = int64_t(bytes);
  return gpu;
}

Result<std::shared_ptr<const GpuContext>> GpuContext::open(int ordinal) {
  RK_TRY(const Driver* const driver, cuda::driver());
  int count = 0;
  RK_DRIVER_CHECK(*driver, device_count(&count), "counting the GPUs");
  if (ordinal < 0 || ordinal >= count)
    return Status::error(Code::not_found, "there is no GPU number " + std::to_string(ordinal) +
                                              ", this machine has " + std::to_string(count));
  DeviceNumber device = 0;
  RK_DRIVER_CHECK(*driver, device_get(&device, ordinal), "opening GPU " + std::to_string(ordinal));
  std::shared_ptr<GpuContext> context(new GpuContext(*driver, device));
  RK_TRY(context->properties_, read_properties(*driver, device));
  RK_DRIVER_CHECK(*driver, retain_context(&context->handle_, device),
                  "making a context on " + context->properties_.name);
  RK_CHECK(context->make_current());
  return std::shared_ptr<const GpuContext>(std::move(context));
}

GpuContext::~GpuContext() {
  if (handle_) driver_->release_context(device_);
}

Status GpuContext::make_current() const {
  RK_DRIVER_CHECK(*driver_, set_context(handle_), "using " + properties_.name);
  return {};
}

}  // namespace cuda

Result<std::vector<GpuProperties>> list_gpus() {
  RK_TRY(const cuda::Driver* const driver, cuda::driver());
  int count = 0;
  RK_DRIVER_CHECK(*driver, device_count(&count), "counting the GPUs");
  std::vector<GpuProperties> gpus;
  for (int i = 0; i < count; ++i) {
    cuda::DeviceNumber device = 0;
    RK_DRIVER_CHECK(*driver, device_get(&device, i), "opening GPU " + std::to_string(i));
    RK_TRY(GpuProperties gpu, cuda::read_properties(*driver, device));
    gpus.push_back(std::move(gpu));
  }
  return gpus;
}

}  // namespace rekindle
