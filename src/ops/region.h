// region: a body that becomes exactly one kernel. Fusion makes it; elsewhere it is what its body is.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "ir/graph.h"

namespace rekindle::ops {

/// Inputs and outputs are those of the body, in order.
struct Region {
  GraphRef body;
  static constexpr auto name = "region";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields = rekindle::fields("body", &Region::body);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

}  // namespace rekindle::ops
