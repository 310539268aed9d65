// Outputs that lie inside larger tensors, as kernels are told of them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>
#include <string>
#include <vector>

#include "backends/cuda/code.h"
#include "device/device.h"

namespace rekindle::cuda {

/// Appends what LaunchParams::has_row_step and has_runs ask for. An error when output 0 has runs that lie
/// unevenly.
Status add_runs(const LaunchParams& params, std::span<const ArgShape> outputs, const std::string& name,
                std::vector<int32_t>& scalars);

}  // namespace rekindle::cuda
