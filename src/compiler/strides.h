// Arithmetic of strided views with symbolic dims: what an index map makes of the strides of its input.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <vector>

#include "tensor/type.h"

namespace rekindle {

/// Elements between neighbours along each dim of a shape.
using Strides = std::vector<Dim>;

/// Row-major.
Strides contiguous_strides(const Shape& shape);
/// Whether the elements lie one after the other. Dims of 1 may have any stride.
bool is_contiguous(const Shape& shape, const Strides& strides);
/// Whether the last dim does, which is what kernels ask of a view.
bool has_contiguous_rows(const Shape& shape, const Strides& strides);
/// Gives dims of 1, whose stride means nothing, the one they would have if they were contiguous.
void normalize_ones(const Shape& shape, Strides& strides);

/// The strides of the same elements in the same order under another shape; none when one dim of `to` would
/// have to stride over dims of `from` that do not follow one another in memory.
std::optional<Strides> reshaped(const Shape& from, const Strides& strides, const Shape& to);
/// Dim i of the result is dim perm[i]; an empty perm reverses them.
Strides permuted(const Strides& strides, const std::vector<int64_t>& perm);
/// The permutation that undoes perm; of `rank` dims where perm is empty.
std::vector<int64_t> inverse_permutation(const std::vector<int64_t>& perm, size_t rank);

}  // namespace rekindle
