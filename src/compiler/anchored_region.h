// A region around one contraction or reduction, as the tactics of every device take it apart.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "compiler/tactic.h"

namespace rekindle {

/// The anchor, the elementwise nodes before it (its head) and after it (its tail), in order.
struct AnchoredRegion {
  const Node* anchor = nullptr;
  std::vector<NodeId> head, tail;
};
/// Refuses when there is no anchor, or when what surrounds it is not elementwise.
Result<AnchoredRegion> split_at_anchor(const Region& region);

/// A body value as a kernel input: a region input, or a constant of the body.
Result<KernelInput> kernel_input(const Region& region, ValueId v);

}  // namespace rekindle
