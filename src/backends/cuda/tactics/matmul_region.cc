// Reading matrix products out of regions.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tactics/matmul_region.h"

namespace rekindle::cuda {

Result<MatmulRegion> as_matmul(const Region& region, DType dtype) {
  MatmulRegion matmul;
  RK_TRY(matmul.parts, split_at_anchor(region));
  const Node& node = *matmul.parts.anchor;
  matmul.op = node.op.as<ops::Matmul>();
  if (!matmul.op) return refuse("the anchor is " + std::string(node.op.name()) + ", not matmul");
  if (!matmul.parts.head.empty()) return refuse("something elementwise comes before the matmul");
  for (ValueId v : node.inputs) {
    const TensorType& type = region.body[v].type;
    if (type.dtype != dtype)
      return refuse("the type is " + std::string(to_string(type.dtype)) + ", needs " +
                    std::string(to_string(dtype)));
    if (type.rank() < 2) return refuse("an operand is a vector");
  }
  const Tensor* constant = region.constant(node.inputs[1]);
  if (constant && constant->rank() == 2 && constant->count() > 0) matmul.constant_b = constant;
  return matmul;
}

}  // namespace rekindle::cuda
