// bit_cast: the same bits as another element type of the same width.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/op_struct.h"

namespace rekindle::ops {

struct BitCast {
  DType to = DType::f32;
  static constexpr auto name = "bit_cast";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields = rekindle::fields("to", &BitCast::to);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

}  // namespace rekindle::ops
