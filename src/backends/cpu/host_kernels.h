// The kernels of the CPU by name; host_kernels.def is the list.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string_view>

#include "device/device.h"

namespace rekindle::cpu {

/// Makes a kernel of the table from its encoded parameters, for instructions up to `isa`. Errors: no such
/// kernel, damaged parameters, a program that cannot be run.
Result<std::shared_ptr<const Kernel>> make_kernel(std::string_view name, std::string_view params, Isa isa);

/// What stands behind a name of the table.
using KernelFactory = Result<std::shared_ptr<const Kernel>> (*)(std::string_view params, Isa isa);

}  // namespace rekindle::cpu
