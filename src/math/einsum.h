// einsum: sums of products named by letters, such as "bij,bjk->bik".
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "math/op_struct.h"

namespace rekindle::ops {

/// (x, …) Number tensors of one type. Letters are case-sensitive; blanks mean nothing; "..." stands for
/// broadcast leading dims; a letter repeated in a term takes the diagonal; without "->" the output has the
/// ellipsis, then the letters that occur once, in alphabetical order.
struct Einsum {
  std::string equation = {};
  static constexpr auto name = "einsum";
  static constexpr auto kind = OpKind::contraction;
  static constexpr auto fields = rekindle::fields("equation", &Einsum::equation);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

}  // namespace rekindle::ops
