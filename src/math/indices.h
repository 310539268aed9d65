// Reading index tensors for gathers and scatters: negative ones count from the end, others must be inside.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/op_checks.h"

namespace rekindle {

/// All indices, each in 0 … size - 1: "gather: index 7 is outside axis 1 of size 5".
Result<std::vector<int64_t>> resolve_indices(std::string_view op, const Tensor& indices, int axis,
                                             int64_t size);

/// Index tuples (the last dim of `indices`) as element offsets into `dims`, of which they address the dims
/// from `first` on.
Result<std::vector<int64_t>> resolve_tuples(std::string_view op, const Tensor& indices, const Dims& dims,
                                            size_t first);

}  // namespace rekindle
