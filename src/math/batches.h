// Broadcast stacks of matrices: which matrix of each operand makes which matrix of the result.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "tensor/type.h"

namespace rekindle {

/// For each index of `batch`, in order, the position of the item of an operand whose leading dims broadcast
/// to `batch`.
std::vector<int64_t> batch_items(const Dims& batch, const Dims& operand);

}  // namespace rekindle
