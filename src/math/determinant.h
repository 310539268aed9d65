// det(x[…, n, n]) -> […]: the determinant of each matrix.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/op_struct.h"

namespace rekindle::ops {

struct Determinant {
  static constexpr auto name = "determinant";
  static constexpr auto kind = OpKind::opaque;
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

}  // namespace rekindle::ops
