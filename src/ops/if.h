// if: one of two graphs, chosen by a boolean when it runs.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "ir/graph.h"

namespace rekindle::ops {

/// if(condition, captures…): condition is one boolean; both branches take all captures, used or not, and make
/// the same number of outputs of the same element types and ranks. A dim in which the branches differ is only
/// known by running.
struct If {
  GraphRef then_branch, else_branch;
  static constexpr auto name = "if";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields =
      rekindle::fields("then_branch", &If::then_branch, "else_branch", &If::else_branch);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

}  // namespace rekindle::ops
