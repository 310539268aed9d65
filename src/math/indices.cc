// Indices from i32 and i64 tensors, checked against the sizes they point into.
// SPDX-License-Identifier: Apache-2.0
#include "math/indices.h"

namespace rekindle {

namespace {

Status outside(std::string_view op, int64_t index, size_t axis, int64_t size) {
  return op_error(op, "index " + std::to_string(index) + " is outside axis " + std::to_string(axis) +
                          " of size " + std::to_string(size));
}

}  // namespace

Result<std::vector<int64_t>> resolve_indices(std::string_view op, const Tensor& indices, int axis,
                                             int64_t size) {
  RK_TRY(auto resolved, to_int64s(indices));
  for (int64_t& i : resolved) {
    if (i < -size || i >= size) return outside(op, i, size_t(axis), size);
    if (i < 0) i += size;
  }
  return resolved;
}

Result<std::vector<int64_t>> resolve_tuples(std::string_view op, const Tensor& indices, const Dims& dims,
                                            size_t first) {
  RK_TRY(const auto values, to_int64s(indices));
  const size_t length = size_t(indices.dims().back());
  const Dims strides = contiguous_strides(dims);
  std::vector<int64_t> offsets(length == 0 ? 0 : values.size() / length, 0);
  for (size_t t = 0; t < offsets.size(); ++t)
    for (size_t k = 0; k < length; ++k) {
      const int64_t index = values[t * length + k], size = dims[first + k];
      if (index < -size || index >= size) return outside(op, index, first + k, size);
      offsets[t] += (index < 0 ? index + size : index) * strides[first + k];
    }
  return offsets;
}

}  // namespace rekindle
