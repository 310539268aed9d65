// What tactics for single ops share.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "compiler/tactic.h"

namespace rekindle::cuda {

/// The region's only node, when its output sizes are known before it runs.
inline Result<const Node*> only_node(const Region& region) {
  if (region.body.node_count() != 1) return refuse("it takes one op at a time");
  const Node& node = region.body[region.body.first()];
  if (node.inputs.empty() || node.inputs[0] == ValueId::none)
    return refuse(std::string(node.op.name()) + " has no first input");
  for (ValueId v : region.body.outputs)
    for (const Dim& d : region.body[v].type.shape)
      if (const auto symbol = d.as_symbol(); symbol && region.body.defines_symbol(v, *symbol))
        return refuse("its output size is known only when it has run");
  return &node;
}

}  // namespace rekindle::cuda
