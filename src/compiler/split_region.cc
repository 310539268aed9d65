// Splitting regions around their anchors, and timing the parts.
// SPDX-License-Identifier: Apache-2.0
#include "compiler/split_region.h"

#include <algorithm>
#include <set>

#include "ir/patch.h"
#include "ir/subgraph.h"
#include "math/elementwise.h"
#include "ops/region.h"

namespace rekindle {

namespace {

/// The addition of one number a column that kernels do while they store: it stays with the anchor.
NodeId bias_of(const Region& region) {
  const Graph& body = region.body;
  const ValueId result = body[region.anchor].outputs[0];
  if (body.use_count(result) != 1 || body.is_output(result)) return NodeId::none;
  const NodeId user = body.users(result)[0];
  if (!body[user].op.is<ops::Add>()) return NodeId::none;
  const ValueId other = body[user].inputs[body[user].inputs[0] == result ? 1 : 0];
  return region.constant(other) && body[other].type.rank() == 1 ? user : NodeId::none;
}

/// Makes one node of several; the names of values stay.
Status join(Graph& graph, const std::vector<std::string>& values) {
  std::vector<NodeId> nodes;
  for (const std::string& name : values) nodes.push_back(graph[graph.find(name)].producer);
  if (nodes.size() < 2) return {};
  std::sort(nodes.begin(), nodes.end(), [&](NodeId a, NodeId b) { return graph.precedes(a, b); });
  RK_TRY(Subgraph cut, extract(graph, nodes));
  cut.body.set_name_hint("region");
  Patch patch(graph);
  RK_TRY(auto made, patch.add(ops::Region{std::make_shared<const Graph>(std::move(cut.body))}, cut.inputs));
  for (size_t i = 0; i < cut.outputs.size(); ++i) patch.replace(cut.outputs[i], made[i]);
  return graph.apply(patch);
}

}  // namespace

Result<std::optional<Graph>> split_region(const Region& region) {
  const Graph& body = region.body;
  const Node* anchor = region.anchor_node();
  if (!anchor || body.node_count() < 2 ||
      (anchor->op.kind() != OpKind::contraction && anchor->op.kind() != OpKind::reduction))
    return std::optional<Graph>();
  std::set<NodeId> middle{region.anchor};
  if (const NodeId bias = bias_of(region); bias != NodeId::none) middle.insert(bias);
  if (middle.size() == body.node_count()) return std::optional<Graph>();
  std::set<ValueId> needed(anchor->inputs.begin(), anchor->inputs.end());
  std::vector<std::string> before, at, after;
  const std::vector<NodeId> order = body.order();
  for (auto n = order.rbegin(); n != order.rend(); ++n) {
    const Node& node = body[*n];
    const std::string& name = body[node.outputs[0]].name;
    if (middle.contains(*n)) {
      at.push_back(name);
    } else if (needed.contains(node.outputs[0])) {
      needed.insert(node.inputs.begin(), node.inputs.end());
      before.push_back(name);
    } else {
      after.push_back(name);
    }
  }
  RK_TRY(Graph parts, clone(body));
  for (const auto* part : {&before, &at, &after}) RK_CHECK(join(parts, *part));
  return std::optional(std::move(parts));
}

bool SplitTimes::is_faster_apart() const {
  // Alone, parts find their inputs in caches where a whole model has others, and short times waver.
  constexpr double kWorthIt = 0.9;
  return parts < kWorthIt * whole;
}

Result<SplitTimes> time_split(const Region& region, const Graph& parts, Tuner& tuner) {
  SplitTimes times;
  RK_TRY(times.whole, tuner.microseconds(region));
  for (NodeId n = parts.first(); n != NodeId::none; n = parts.next(n)) {
    RK_TRY(Region part, region_of(parts, n, region.sizes));
    for (size_t i = 0; i < part.outer_inputs.size(); ++i) {
      const auto input = std::find(parts.inputs.begin(), parts.inputs.end(), part.outer_inputs[i]);
      if (input != parts.inputs.end())
        part.constants[i] = region.constants[size_t(input - parts.inputs.begin())];
    }
    RK_TRY(const double time, tuner.microseconds(part));
    times.parts += time;
  }
  return times;
}

}  // namespace rekindle
