// fuse: which nodes become one kernel. Looks only at op kinds: a contraction or a reduction takes the
// elementwise ops after it, a reduction then those before it that no contraction took; what is left of
// elementwise ops joins among itself.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "ir/patch.h"
#include "ir/subgraph.h"
#include "math/cast.h"
#include "math/matmul.h"
#include "math/movement.h"
#include "ops/region.h"
#include "passes/passes.h"

namespace rekindle::passes {

namespace {

constexpr size_t kMostNodes = 64;  // a region; longer chains gain nothing more

using Group = std::set<NodeId>;

class Fusion {
 public:
  Fusion(Graph& graph, PassContext& context) : graph_(graph), context_(context) {}

  Result<int> run() {
    std::vector<NodeId> order = graph_.order();
    for (size_t i = 0; i < order.size(); ++i) position_[order[i]] = i;
    // Contractions first: their results are still in registers, so what follows them there reads nothing
    // twice. Backwards, so that of two convolutions that meet in an addition the later one takes it.
    for (const OpKind kind : {OpKind::contraction, OpKind::reduction})
      for (auto n = order.rbegin(); n != order.rend(); ++n)
        if (graph_[*n].op.kind() == kind && is_anchor(graph_[*n]) && !taken_.contains(*n)) plan_group(*n);
    for (NodeId n : order)
      if (is_elementwise(graph_[n]) && !taken_.contains(n)) plan_group(n);
    return make_regions();
  }

 private:
  /// Kernels compute elementwise tails in f32; booleans are read and written as bytes. Those of GPUs load and
  /// store f16 as well.
  bool is_fusable_type(const TensorType& type) const {
    return type.dtype == DType::f32 || type.dtype == DType::boolean ||
           (type.dtype == DType::f16 && context_.target.device != "cpu");
  }

  bool is_anchor(const Node& node) const {
    const OpKind kind = node.op.kind();
    return (kind == OpKind::contraction || kind == OpKind::reduction) && node.outputs.size() == 1 &&
           is_fusable_type(graph_[node.outputs[0]].type);
  }

  bool is_elementwise(const Node& node) const {
    if (node.op.kind() != OpKind::elementwise || node.outputs.size() != 1) return false;
    if (node.op.arity() == 0 && !node.op.is<ops::Cast>()) return false;  // structured: has no formula to fuse
    if (!is_fusable_type(graph_[node.outputs[0]].type)) return false;
    return std::all_of(node.inputs.begin(), node.inputs.end(),
                       [&](ValueId v) { return v != ValueId::none && is_fusable_type(graph_[v].type); });
  }

  /// The values of the group that something outside it uses.
  std::vector<ValueId> exits(const Group& group) const {
    std::vector<ValueId> values;
    for (NodeId n : group)
      for (ValueId v : graph_[n].outputs) {
        const auto& users = graph_.users(v);
        const bool leaves = graph_.is_output(v) || std::any_of(users.begin(), users.end(),
                                                               [&](NodeId u) { return !group.contains(u); });
        if (leaves || users.empty()) values.push_back(v);
      }
    return values;
  }

  /// The first elementwise node after the group, in topological order, that reads from it and has its shape.
  NodeId next_joiner(const Group& group, const Shape& shape, const Group& refused) const {
    NodeId best = NodeId::none;
    for (NodeId n : group)
      for (ValueId v : graph_[n].outputs)
        for (NodeId user : graph_.users(v)) {
          if (group.contains(user) || refused.contains(user) || taken_.contains(user)) continue;
          if (!is_elementwise(graph_[user]) || graph_[graph_[user].outputs[0]].type.shape != shape) continue;
          if (best == NodeId::none || position_.at(user) < position_.at(best)) best = user;
        }
    return best;
  }

  /// Grows forward and keeps the largest group with a single exit. With one exit no path can leave the group
  /// and come back.
  Group grow_tail(NodeId start) const {
    const Shape& shape = graph_[graph_[start].outputs[0]].type.shape;
    Group group{start}, best{start};
    while (group.size() < kMostNodes) {
      const NodeId next = next_joiner(group, shape, {});
      if (next == NodeId::none) break;
      group.insert(next);
      if (exits(group).size() == 1) best = group;
    }
    return best;
  }

  /// Takes elementwise producers of the reduction's first input that nobody else reads.
  void grow_head(NodeId anchor, Group& group) const {
    std::vector<NodeId> pending{anchor};
    while (!pending.empty() && group.size() < kMostNodes) {
      const Node& node = graph_[pending.back()];
      const bool only_first = pending.back() == anchor;
      pending.pop_back();
      for (size_t i = 0; i < (only_first ? size_t(1) : node.inputs.size()); ++i) {
        const ValueId v = node.inputs[i];
        if (v == ValueId::none) continue;
        const NodeId made = graph_[v].producer;
        if (made == NodeId::none || taken_.contains(made) || group.contains(made) || graph_.use_count(v) != 1)
          continue;
        if (!is_elementwise(graph_[made]) ||
            graph_[v].type.shape != graph_[graph_[anchor].inputs[0]].type.shape)
          continue;
        group.insert(made);
        pending.push_back(made);
      }
    }
  }

  bool is_map(NodeId n) const {
    const Node& node = graph_[n];
    return node.inputs.size() == 1 && !taken_.contains(n) &&
           (node.op.is<ops::Reshape>() || node.op.is<ops::Transpose>() || node.op.is<ops::Slice>());
  }

  /// The reshapes, transposes and slices that make heads of q, k and v and put them together again: kernels
  /// of GPUs read and write through them. One that cannot takes the region apart again.
  void absorb_maps(NodeId anchor, Group& group) const {
    for (size_t i = 0; i < 3; ++i)
      for (ValueId v = graph_[anchor].inputs[i]; graph_.use_count(v) == 1;) {
        const NodeId made = graph_[v].producer;
        if (made == NodeId::none || !is_map(made)) break;
        group.insert(made);
        v = graph_[made].inputs[0];
      }
    for (ValueId v = graph_[anchor].outputs[0]; graph_.use_count(v) == 1 && !graph_.is_output(v);) {
      const NodeId user = graph_.users(v)[0];
      if (!is_map(user) || graph_[user].op.is<ops::Slice>()) break;
      group.insert(user);
      v = graph_[user].outputs[0];
    }
  }

  void plan_group(NodeId start) {
    Group group = grow_tail(start);
    if (graph_[start].op.kind() == OpKind::reduction) grow_head(start, group);
    if (graph_[start].op.is<ops::Attention>() && context_.target.device != "cpu") absorb_maps(start, group);
    if (group.size() < 2) return explain_alone(start);
    taken_.insert(group.begin(), group.end());
    groups_.push_back(std::move(group));
  }

  /// For `--explain`: why nothing follows an anchor although something elementwise does.
  void explain_alone(NodeId start) {
    const ValueId v = graph_[start].outputs[0];
    for (NodeId user : graph_.users(v)) {
      if (graph_[user].op.kind() != OpKind::elementwise) continue;
      const char* why = taken_.contains(user)           ? "another kernel has it already"
                        : graph_.use_count(v) > 1       ? "the value is used elsewhere too"
                        : !is_elementwise(graph_[user]) ? "its element types are not fusable"
                                                        : "it changes the shape by broadcasting";
      context_.remarks.push_back("fuse: " + graph_[graph_[user].outputs[0]].name + " does not join " +
                                 graph_[v].name + ": " + why);
    }
  }

  Result<int> make_regions() {
    int changes = 0;
    for (const Group& group : groups_) {
      if (!context_.take_budget()) break;
      // Refused when a size inside is only known by running: outside the region it would be another size.
      if (Status made = make_region(group); made.ok())
        ++changes;
      else
        context_.remarks.push_back("fuse: " + made.message()), ++context_.budget;
    }
    return changes;
  }

  Status make_region(const Group& group) {
    std::vector<NodeId> nodes(group.begin(), group.end());
    std::sort(nodes.begin(), nodes.end(), [&](NodeId a, NodeId b) { return graph_.precedes(a, b); });
    RK_TRY(Subgraph cut, extract(graph_, nodes));
    cut.body.set_name_hint("region");
    Patch patch(graph_);
    RK_TRY(auto made, patch.add(ops::Region{std::make_shared<const Graph>(std::move(cut.body))}, cut.inputs));
    for (size_t i = 0; i < cut.outputs.size(); ++i) patch.replace(cut.outputs[i], made[i]);
    return graph_.apply(patch);
  }

  Graph& graph_;
  PassContext& context_;
  std::map<NodeId, size_t> position_;
  Group taken_;
  std::vector<Group> groups_;
};

}  // namespace

Result<int> fuse(Graph& graph, PassContext& context) { return Fusion(graph, context).run(); }

}  // namespace rekindle::passes
