// The CPU as a device: host kernels, aligned memory, streams that are already synchronous.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "device/device.h"

namespace rekindle {

/// The CPU, using instructions up to `cap` and what this machine has, whichever is less.
std::shared_ptr<Device> open_cpu(Isa cap);

}  // namespace rekindle
