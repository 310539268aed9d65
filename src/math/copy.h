// copy(x) = x: what moves a tensor to where it has to lie (into a concatenation, into the caller's memory).
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/op_struct.h"

namespace rekindle::ops {

struct Copy {
  static constexpr auto name = "copy";
  static constexpr auto kind = OpKind::injective;
  Result<Types> infer(std::span<const TensorType> in) const {
    RK_CHECK(check_arity(name, in.size(), 1, 1));
    return Types{in[0]};
  }
  Result<Tensors> evaluate(std::span<const Tensor> in) const { return Tensors{in[0]}; }
};

}  // namespace rekindle::ops
