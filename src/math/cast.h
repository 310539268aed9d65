// cast: every element converted to another type, as ONNX Cast does it (tensor/convert.h has the rules).
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/op_struct.h"

namespace rekindle::ops {

/// (x) `saturate` is for the 8-bit floats: out of range becomes the largest value, not infinity or NaN.
struct Cast {
  DType to = DType::f32;
  bool saturate = true;
  static constexpr auto name = "cast";
  static constexpr auto kind = OpKind::elementwise;
  static constexpr auto fields = rekindle::fields("to", &Cast::to, "saturate", &Cast::saturate);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

}  // namespace rekindle::ops
