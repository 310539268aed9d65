// Ops that make tensors from little: shape_value, range, one_hot, eye_like.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/op_struct.h"

namespace rekindle::ops {

/// () The run-time value of shape arithmetic done at build: i64[number of dims], or a scalar, which needs
/// exactly one dim.
struct ShapeValue {
  std::vector<Dim> dims = {};
  bool scalar = false;
  static constexpr auto name = "shape_value";
  static constexpr auto kind = OpKind::injective;
  static constexpr auto fields = rekindle::fields("dims", &ShapeValue::dims, "scalar", &ShapeValue::scalar);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (start, limit, delta), scalars of one number type: start + i * delta for 0 <= i < count. A count known at
/// build makes the limit irrelevant; -1 means that it is max(ceil((limit - start) / delta), 0), known only
/// when the op runs.
struct Range {
  Dim count = -1;
  static constexpr auto name = "range";
  static constexpr auto kind = OpKind::injective;
  static constexpr auto fields = rekindle::fields("count", &Range::count);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (indices, values [, depth]) A new axis of size depth: values[1] where its index is the element of indices,
/// values[0] elsewhere. Indices of any number type are truncated to integers; -depth to -1 count from the
/// end, others select nothing.
struct OneHot {
  int64_t axis = -1;
  Dim depth = 1;
  static constexpr auto name = "one_hot";
  static constexpr auto kind = OpKind::injective;
  static constexpr auto fields = rekindle::fields("axis", &OneHot::axis, "depth", &OneHot::depth);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (x) A matrix of x's shape with ones on diagonal k.
struct EyeLike {
  DType dtype = DType::f32;
  int64_t k = 0;
  static constexpr auto name = "eye_like";
  static constexpr auto kind = OpKind::injective;
  static constexpr auto fields = rekindle::fields("dtype", &EyeLike::dtype, "k", &EyeLike::k);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

}  // namespace rekindle::ops
