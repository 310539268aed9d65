// Taking regions apart.
// SPDX-License-Identifier: Apache-2.0
#include "compiler/anchored_region.h"

#include <set>

namespace rekindle {

Result<AnchoredRegion> split_at_anchor(const Region& region) {
  AnchoredRegion parts;
  parts.anchor = region.anchor_node();
  if (!parts.anchor || parts.anchor->op.kind() == OpKind::elementwise)
    return refuse("the region has no contraction or reduction");
  if (parts.anchor->inputs.empty() || parts.anchor->inputs[0] == ValueId::none)
    return refuse(std::string(parts.anchor->op.name()) + " has no first input");
  bool after = false;
  for (NodeId n = region.body.first(); n != NodeId::none; n = region.body.next(n)) {
    if (n == region.anchor) {
      after = true;
    } else if (region.body[n].op.kind() != OpKind::elementwise) {
      return refuse(std::string(region.body[n].op.name()) + " beside the " +
                    std::string(parts.anchor->op.name()));
    } else {
      (after ? parts.tail : parts.head).push_back(n);
    }
  }
  // A node that stands before the anchor in order may still belong to the tail: it depends on nothing of it.
  std::set<ValueId> needed(parts.anchor->inputs.begin(), parts.anchor->inputs.end());
  std::vector<NodeId> head;
  for (auto n = parts.head.rbegin(); n != parts.head.rend(); ++n) {
    const Node& node = region.body[*n];
    if (needed.contains(node.outputs[0])) {
      needed.insert(node.inputs.begin(), node.inputs.end());
      head.insert(head.begin(), *n);
    } else {
      parts.tail.insert(parts.tail.begin(), *n);
    }
  }
  parts.head = std::move(head);
  return parts;
}

Result<KernelInput> kernel_input(const Region& region, ValueId v) {
  if (v == ValueId::none) return KernelInput{};
  if (const auto index = region.input_index(v)) return KernelInput{int(*index), {}};
  if (const Tensor* constant = region.body.constant(v)) return KernelInput{-1, *constant};
  return Status::error(Code::internal,
                       "%" + region.body[v].name + " is made inside the region, a kernel cannot read it");
}

}  // namespace rekindle
