// A region means what its body means.
// SPDX-License-Identifier: Apache-2.0
#include "ops/region.h"

#include "ir/subgraph.h"

namespace rekindle::ops {

Result<Types> Region::infer(std::span<const TensorType> in) const {
  if (!body) return op_error(name, "has no body, expected a graph");
  return infer_body(name, *body, in);
}

Result<Tensors> Region::evaluate(std::span<const Tensor> in) const { return interpret(*body, in); }

}  // namespace rekindle::ops
