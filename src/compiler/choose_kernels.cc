// The role of every node, and a kernel for those that need one.
// SPDX-License-Identifier: Apache-2.0
#include "compiler/lower.h"
#include "ir/patch.h"
#include "ir/subgraph.h"
#include "math/movement.h"
#include "ops/if.h"
#include "ops/region.h"

namespace rekindle {

namespace {

Result<Choice> choose_for(const Graph& graph, NodeId id, LoweringContext& context) {
  RK_TRY(Region region, region_of(graph, id, context.sizes));
  auto choice = context.tuner->choose(region);
  if (choice.ok()) {
    context.regions.push_back({region.label(), region.origin, *choice});
    context.regions.back().choice.kernel.inputs.clear();  // the report keeps no weights
    if (const auto& progress = context.options->progress) progress("tune", ++context.done, context.total);
  }
  return choice;
}

/// A reshape whose shape is known at build needs no step: it is the input's memory.
bool is_view(const Node& node) { return node.op.is<ops::Reshape>() && node.inputs.size() == 1; }

/// One walk over the nodes that have no role yet. True when a region was taken apart, so that there are new
/// ones.
Result<bool> choose_once(Graph& graph, LoweringContext& context, LoweredNodes& nodes) {
  bool taken_apart = false;
  for (NodeId n : graph.order()) {
    if (!graph.is_live(n) || nodes.contains(n)) continue;
    const Node& node = graph[n];
    if (is_view(node)) {
      nodes[n].role = Role::view;
    } else if (node.op.is<ops::Concat>() && (graph[node.outputs[0]].type.dtype == DType::f32 ||
                                             graph[node.outputs[0]].type.dtype == DType::boolean)) {
      nodes[n].role = Role::concat;
    } else if (node.op.is<ops::If>()) {
      nodes[n].role = Role::branch;
    } else if (!node.op.is<ops::Slice>()) {
      auto choice = choose_for(graph, n, context);
      if (choice.ok()) {
        nodes[n].choice = *std::move(choice);
      } else if (choice.status().code() == Code::unsupported && node.op.is<ops::Region>()) {
        RK_CHECK(inline_region(graph, n));
        taken_apart = true;
      } else {
        return choice.status().note("while choosing a kernel for " + node.origin);
      }
    }
  }
  return taken_apart;
}

}  // namespace

Result<LoweredNodes> choose_kernels(Graph& graph, LoweringContext& context) {
  LoweredNodes nodes;
  context.total += int(graph.node_count());
  for (bool more = true; more;) {
    RK_TRY(more, choose_once(graph, context, nodes));
  }
  // Whether a slice is a view depends on its users' kernels, so slices come last.
  for (NodeId n = graph.first(); n != NodeId::none; n = graph.next(n)) {
    if (!graph[n].op.is<ops::Slice>()) continue;
    if (slice_is_view(graph, n, nodes)) {
      nodes[n].role = Role::slice;
    } else {
      RK_TRY(nodes[n].choice, choose_for(graph, n, context));
    }
  }
  return nodes;
}

}  // namespace rekindle
