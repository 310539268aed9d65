// eliminate: nodes that compute what another one has, values nobody uses, and index maps that change nothing.
// SPDX-License-Identifier: Apache-2.0
#include <numeric>
#include <unordered_map>

#include "ir/patch.h"
#include "math/copy.h"
#include "math/movement.h"
#include "passes/passes.h"

namespace rekindle::passes {

namespace {

/// The input that the node's output equals, element for element and under the same type.
ValueId same_as_input(const Graph& graph, const Node& node) {
  if (node.inputs.empty() || node.inputs[0] == ValueId::none || node.outputs.size() != 1)
    return ValueId::none;
  const TensorType &in = graph[node.inputs[0]].type, &out = graph[node.outputs[0]].type;
  if (in != out) return ValueId::none;
  bool same = node.op.is<ops::Reshape>() || node.op.is<ops::Expand>() || node.op.is<ops::Copy>();
  if (node.inputs.size() > 1) same = false;  // its shape comes at run time
  if (const auto* t = node.op.as<ops::Transpose>()) {
    std::vector<int64_t> identity(t->perm.size());
    std::iota(identity.begin(), identity.end(), 0);
    same = t->perm == identity && !identity.empty();
  }
  if (node.op.is<ops::Concat>()) same = node.inputs.size() == 1;
  if (const auto* slice = node.op.as<ops::Slice>()) {
    same = node.inputs.size() == 1;  // as large as its input, so it starts at 0; steps of -1 would reverse it
    for (int64_t step : slice->steps) same = same && step == 1;
  }
  return same ? node.inputs[0] : ValueId::none;
}

std::string key_of(const Node& node) {
  std::string key = std::string(node.op.name()) + node.op.params();
  for (ValueId v : node.inputs) key += "," + std::to_string(uint32_t(v));
  return key;
}

}  // namespace

Result<int> eliminate(Graph& graph, PassContext& context) {
  int changes = graph.remove_dead();
  std::unordered_map<std::string, NodeId> seen;
  for (NodeId n = graph.first(); n != NodeId::none; n = graph.next(n)) {
    const Node& node = graph[n];
    Patch patch(graph);
    if (const ValueId same = same_as_input(graph, node); same != ValueId::none) {
      patch.replace(node.outputs[0], same);
    } else if (node.op.kind() != OpKind::opaque) {
      const auto [it, fresh] = seen.emplace(key_of(node), n);
      if (fresh || !graph.is_live(it->second)) {
        it->second = n;
        continue;
      }
      for (size_t i = 0; i < node.outputs.size(); ++i)
        patch.replace(node.outputs[i], graph[it->second].outputs[i]);
    }
    if (patch.empty() || !context.take_budget()) continue;
    if (graph.apply(patch).ok()) ++changes;  // refused where an output of the graph would lose its producer
  }
  return changes;
}

}  // namespace rekindle::passes
