// What every matrix product's tactic asks of a region, whatever it multiplies in.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "compiler/anchored_region.h"
#include "math/matmul.h"

namespace rekindle::cuda {

/// A matmul of matrices with nothing before it.
struct MatmulRegion {
  AnchoredRegion parts;
  const ops::Matmul* op = nullptr;
  const Tensor* constant_b = nullptr;  // the right side, where it is one constant matrix
};
/// Refuses other anchors, a head, vectors, and operands that are not `dtype`.
Result<MatmulRegion> as_matmul(const Region& region, DType dtype);

}  // namespace rekindle::cuda
