// The logical type of a value: element type and shape. Rank is always known; a dim may be symbolic.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "tensor/dim.h"
#include "tensor/dtype.h"

namespace rekindle {

using Shape = std::vector<Dim>;
using Dims = std::vector<int64_t>;  // a concrete shape

struct TensorType {
  DType dtype = DType::f32;
  Shape shape;
  static constexpr auto fields = rekindle::fields("dtype", &TensorType::dtype, "shape", &TensorType::shape);
  int rank() const { return int(shape.size()); }
  /// Product of the dims; 1 for a scalar.
  Dim count() const;
  bool is_static() const;
  std::string to_string() const;  // f32[N, 3, 224, 224]
  bool operator==(const TensorType&) const = default;
};
/// Reads "f32[N, 3]". Errors name the column.
Result<TensorType> parse_type(std::string_view text);

std::string to_string(const Shape&);  // [N, 3]
std::string to_string(const Dims&);   // [1, 3]
Shape to_shape(const Dims&);
/// The concrete dims of a static shape; nullopt when one is symbolic.
std::optional<Dims> to_dims(const Shape&);
Result<Dims> eval(const Shape&, const Bindings&);
/// Elements of a shape; an error when a dim is negative or the product reaches 2^48.
Result<int64_t> checked_count(const Dims&);
int64_t count_of(const Dims&);  // for shapes that were checked
/// Row-major strides in elements.
Dims contiguous_strides(const Dims&);

/// NumPy broadcasting of two shapes, symbolic dims included. The error names both shapes.
Result<Shape> broadcast_shapes(const Shape& a, const Shape& b);
/// -rank <= axis < rank, as a number from 0; the error is "axis 5 is outside rank 3".
Result<int> normalize_axis(int64_t axis, int rank);

}  // namespace rekindle
