// The primary context of one GPU, made current for as long as a scope lasts.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "backends/cuda/device.h"
#include "backends/cuda/driver.h"

namespace rekindle::cuda {

/// Retained for the life of the object; whatever was made in it holds a reference.
class GpuContext {
 public:
  static Result<std::shared_ptr<const GpuContext>> open(int ordinal);
  ~GpuContext();
  GpuContext(const GpuContext&) = delete;
  GpuContext& operator=(const GpuContext&) = delete;

  const Driver& driver() const { return *driver_; }
  const GpuProperties& properties() const { return properties_; }
  /// Every call of the driver needs it on the calling thread; costs nothing when it is current already.
  Status make_current() const;
  ContextHandle handle() const { return handle_; }

 private:
  GpuContext(const Driver& driver, DeviceNumber device) : driver_(&driver), device_(device) {}
  const Driver* driver_;
  DeviceNumber device_;
  ContextHandle handle_ = nullptr;
  GpuProperties properties_;
};

Result<GpuProperties> read_properties(const Driver& driver, DeviceNumber device);

}  // namespace rekindle::cuda
