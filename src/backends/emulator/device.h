// The emulator as a device: the kernels of GPUs, run on the CPU with every access checked.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "device/device.h"

namespace rekindle {

/// Runs kernels of code kind `emulated`, of any architecture. Slow: meant for small shapes. A fault of a
/// kernel is the error of its launch: which kernel, block and thread, what it did, and what was expected.
Result<std::shared_ptr<Device>> open_emulator();

}  // namespace rekindle
