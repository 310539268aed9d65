// sink-reshapes: a reshape moves down past elementwise ops, so that they join the kernel that makes its
// input.
// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "ir/patch.h"
#include "math/cast.h"
#include "math/movement.h"
#include "passes/passes.h"

namespace rekindle::passes {

namespace {

/// What the reshape that makes v reshapes; none when v is read elsewhere too or is no reshape.
ValueId reshaped_value(const Graph& graph, ValueId v) {
  const Node* made = graph.use_count(v) == 1 ? graph.producer(v) : nullptr;
  return made && made->op.is<ops::Reshape>() && made->inputs.size() == 1 ? made->inputs[0] : ValueId::none;
}

/// Whether an elementwise op would join the kernel that makes v.
bool is_made_by_a_kernel(const Graph& graph, ValueId v) {
  const Node* made = graph.producer(v);
  if (!made || graph.use_count(v) != 1) return false;
  const OpKind kind = made->op.kind();
  return kind == OpKind::contraction || kind == OpKind::reduction || kind == OpKind::elementwise;
}

bool is_elementwise(const Op& op) {
  return op.kind() == OpKind::elementwise && (op.arity() > 0 || op.is<ops::Cast>());
}

/// The operand as one of the shape before the reshape: the value that was reshaped in the same way, a number,
/// or a vector along a last dim that both shapes have.
Result<std::optional<ValueId>> unreshaped(const Graph& graph, ValueId v, const Shape& before,
                                          const Shape& after, Patch& patch) {
  const Shape& shape = graph[v].type.shape;
  const ValueId x = reshaped_value(graph, v);
  if (x != ValueId::none && shape == after && graph[x].type.shape == before) return std::optional(x);
  if (graph[v].type.count().is(1)) {
    if (shape.empty()) return std::optional(v);
    RK_TRY(v, patch.add1(ops::Reshape{}, {v}));
    return std::optional(v);
  }
  const bool is_last = shape.size() == 1 && before.back() == after.back() && shape[0] == after.back();
  return is_last ? std::optional(v) : std::nullopt;
}

Result<bool> sink(Graph& graph, NodeId n) {
  const Node& node = graph[n];
  if (!is_elementwise(node.op) || node.outputs.size() != 1) return false;
  const Shape after = graph[node.outputs[0]].type.shape;
  ValueId x = ValueId::none;
  for (ValueId v : node.inputs)
    if (v != ValueId::none && graph[v].type.shape == after && x == ValueId::none)
      x = reshaped_value(graph, v);
  if (x == ValueId::none || !is_made_by_a_kernel(graph, x) || after.empty() || graph[x].type.shape.empty())
    return false;
  const Shape before = graph[x].type.shape;
  Patch patch(graph);
  std::vector<ValueId> inputs;
  for (ValueId v : node.inputs) {
    if (v == ValueId::none) return false;
    RK_TRY(auto input, unreshaped(graph, v, before, after, patch));
    if (!input) return false;
    inputs.push_back(*input);
  }
  RK_TRY(ValueId now, patch.add1(node.op, inputs));
  RK_TRY(now, patch.add1(ops::Reshape{after}, {now}));
  patch.replace(node.outputs[0], now);
  return graph.apply(patch).ok();
}

}  // namespace

Result<int> sink_reshapes(Graph& graph, PassContext& context) {
  int changes = 0;
  for (NodeId n = graph.first(); n != NodeId::none; n = graph.next(n)) {
    if (!context.take_budget()) break;
    RK_TRY(bool changed, sink(graph, n));
    changed ? ++changes : ++context.budget;
  }
  return changes;
}

}  // namespace rekindle::passes
