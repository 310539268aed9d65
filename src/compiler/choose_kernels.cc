// The role of every node, and a kernel for those that need one.
// SPDX-License-Identifier: Apache-2.0
#include "compiler/lower.h"
#include "compiler/split_region.h"
#include "ir/patch.h"
#include "ir/subgraph.h"
#include "math/movement.h"
#include "ops/if.h"
#include "ops/loop.h"
#include "ops/region.h"

namespace rekindle {

namespace {

Status choose_for(const Graph& graph, NodeId id, LoweringContext& context, LoweredNode& node) {
  RK_TRY(Region region, region_of(graph, id, context.sizes));
  auto choice = context.tuner->choose(region);
  if (!choice.ok() && choice.status().code() == Code::unsupported && context.host_tuner &&
      !graph[id].op.is<ops::Region>()) {
    const std::vector<Candidate> refusals = context.tuner->refusals(region);
    choice = context.host_tuner->choose(region);
    if (choice.ok()) {
      choice->on_host = true;
      // Host kernels read and write whole buffers: what they exchange with the device is copied whole.
      choice->kernel.strided_inputs = choice->kernel.strided_output = false;
      choice->candidates.insert(choice->candidates.end(), refusals.begin(), refusals.end());
    }
  }
  if (!choice.ok()) return choice.status();
  node.choice = *std::move(choice);
  node.label = region.label();
  if (const auto& progress = context.options->progress) progress("tune", ++context.done, context.total);
  return {};
}

/// Puts the parts of a region in its place when measuring says that they are faster.
Result<bool> split_if_faster(Graph& graph, NodeId id, LoweringContext& context) {
  if (context.options->effort == 0 || !graph[id].op.is<ops::Region>()) return false;
  RK_TRY(const Region region, region_of(graph, id, context.sizes));
  // On a GPU what follows a product costs next to nothing in its kernel and a launch outside of it.
  const Node* const anchor = region.anchor_node();
  if (context.host_tuner != nullptr && anchor != nullptr && anchor->op.kind() == OpKind::contraction)
    return false;
  RK_TRY(auto parts, split_region(region));
  if (!parts) return false;
  const auto times = time_split(region, *parts, *context.tuner);
  if (!times.ok() || !times->is_faster_apart()) return false;
  context.remarks.push_back("fuse: " + region.label() + " at " + region.origin +
                            " is apart: " + std::to_string(times->whole) + " us as one kernel, " +
                            std::to_string(times->parts) + " us in parts");
  Patch patch(graph);
  RK_TRY(const auto made,
         patch.add(ops::Region{std::make_shared<const Graph>(*std::move(parts))}, graph[id].inputs));
  const std::vector<ValueId> outputs = graph[id].outputs;
  const std::string name = graph[outputs[0]].name;
  for (size_t i = 0; i < outputs.size(); ++i) patch.replace(outputs[i], made[i]);
  RK_CHECK(graph.apply(patch));
  RK_CHECK(inline_region(graph, graph[graph.find(name)].producer));
  return true;
}

/// A reshape whose shape is known at build needs no step: it is the input's memory.
bool is_view(const Graph& graph, const Node& node) {
  return node.op.is<ops::Reshape>() && node.inputs.size() == 1 &&
         graph[node.outputs[0]].type.dtype != DType::string;
}

/// Parts are written where they lie when elements are whole bytes; strings are not.
bool is_made_in_parts(const Graph& graph, const Node& node) {
  return node.op.is<ops::Concat>() && bits_of(graph[node.outputs[0]].type.dtype) >= 8;
}

/// One walk over the nodes that have no role yet. True when a region was taken apart, so that there are new
/// ones.
Result<bool> choose_once(Graph& graph, LoweringContext& context, LoweredNodes& nodes) {
  bool taken_apart = false;
  for (NodeId n : graph.order()) {
    if (!graph.is_live(n) || nodes.contains(n)) continue;
    const Node& node = graph[n];
    if (is_view(graph, node)) {
      nodes[n].role = Role::view;
    } else if (is_made_in_parts(graph, node)) {
      nodes[n].role = Role::concat;
    } else if (node.op.is<ops::If>() || node.op.is<ops::Loop>()) {
      nodes[n].role = Role::branch;
    } else {
      RK_TRY(const bool split, split_if_faster(graph, n, context));
      if (split) {
        taken_apart = true;
        continue;
      }
      LoweredNode lowered;
      const Status chosen = choose_for(graph, n, context, lowered);
      if (chosen.ok()) {
        nodes[n] = std::move(lowered);
      } else if (chosen.code() == Code::unsupported && node.op.is<ops::Region>()) {
        RK_CHECK(inline_region(graph, n));
        taken_apart = true;
      } else {
        return Status(chosen).note("while choosing a kernel for " + node.origin);
      }
    }
  }
  return taken_apart;
}

/// Kernels of the whole graph are built at the same time as the first are measured.
void build_ahead(const Graph& graph, LoweringContext& context) {
  for (NodeId n : graph.order()) {
    const Node& node = graph[n];
    if (is_view(graph, node) || is_made_in_parts(graph, node) || node.op.is<ops::If>() ||
        node.op.is<ops::Loop>())
      continue;
    auto region = region_of(graph, n, context.sizes);
    if (region.ok()) context.tuner->build_ahead(*std::move(region));
  }
}

}  // namespace

Result<LoweredNodes> choose_kernels(Graph& graph, LoweringContext& context) {
  LoweredNodes nodes;
  context.total += int(graph.node_count());
  build_ahead(graph, context);
  for (bool more = true; more;) {
    RK_TRY(more, choose_once(graph, context, nodes));
  }
  return nodes;
}

}  // namespace rekindle
