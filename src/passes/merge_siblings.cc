// merge-siblings: matmuls, or convolutions, of one input with weights of their own become one with all the
// weights side by side, and slices of its result. The input is read once and the kernel has more columns to
// work on.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>

#include "ir/patch.h"
#include "math/conv.h"
#include "math/elementwise.h"
#include "math/matmul.h"
#include "math/movement.h"
#include "passes/passes.h"
#include "passes/reshape_runs.h"

namespace rekindle::passes {

namespace {

/// One of the nodes that may be merged, with what follows it in its kernel.
struct Sibling {
  NodeId node = NodeId::none;
  ValueId bias = ValueId::none;  // a vector, one number a column
  std::vector<NodeId> tail;      // unary ops after the bias
  ValueId result = ValueId::none;
  int64_t columns = 0;
};
using Siblings = std::vector<Sibling>;

const Node* only_user(const Graph& graph, ValueId v, NodeId& id) {
  if (graph.use_count(v) != 1 || graph.is_output(v)) return nullptr;
  id = graph.users(v)[0];
  return &graph[id];
}

/// Whether all readers of v read a slice of a larger value as it lies: contractions and reductions do, also
/// through index maps. Elementwise ops do too, but they would leave the kernel that makes v; a concatenation
/// would copy.
bool is_read_in_place(const Graph& graph, ValueId v) {
  if (graph.is_output(v)) return false;
  const auto& users = graph.users(v);
  return std::all_of(users.begin(), users.end(), [&](NodeId u) {
    const Op& op = graph[u].op;
    const ValueId out = graph[u].outputs[0];
    if (op.is<ops::Transpose>()) return is_read_in_place(graph, out);
    // A slice under another shape is a view only where the reshape takes no dims of both sides together.
    if (op.is<ops::Reshape>())
      return reshape_runs(graph[v].type.shape, graph[out].type.shape) && is_read_in_place(graph, out);
    return op.kind() == OpKind::contraction || op.kind() == OpKind::reduction;
  });
}

bool is_unary(const Op& op) { return op.kind() == OpKind::elementwise && op.arity() == 1; }

/// The tail of a node: unary ops of which each is the only reader of the one before.
void follow_tail(const Graph& graph, Sibling& s) {
  NodeId next = NodeId::none;
  for (const Node* user = only_user(graph, s.result, next); user && is_unary(user->op);
       user = only_user(graph, s.result, next)) {
    s.tail.push_back(next);
    s.result = user->outputs[0];
  }
}

bool is_constant_f32(const Graph& graph, ValueId v, int rank) {
  const Tensor* c = graph.constant(v);
  return c && c->dtype() == DType::f32 && c->rank() == rank;
}

std::optional<Sibling> as_matmul(const Graph& graph, NodeId n) {
  const Node& node = graph[n];
  const auto* op = node.op.as<ops::Matmul>();
  if (!op || op->transpose_a || !is_constant_f32(graph, node.inputs[1], 2)) return std::nullopt;
  Sibling s{n, ValueId::none, {}, node.outputs[0], 0};
  s.columns = graph.constant(node.inputs[1])->dims()[op->transpose_b ? 0 : 1];
  NodeId next = NodeId::none;
  if (const Node* add = only_user(graph, s.result, next); add && add->op.is<ops::Add>()) {
    const ValueId other = add->inputs[add->inputs[0] == s.result ? 1 : 0];
    if (is_constant_f32(graph, other, 1) && graph.constant(other)->count() == s.columns)
      s.bias = other, s.result = add->outputs[0];
  }
  follow_tail(graph, s);
  return s;
}

std::optional<Sibling> as_conv(const Graph& graph, NodeId n) {
  const Node& node = graph[n];
  const auto* op = node.op.as<ops::Conv>();
  const Tensor* weight = op ? graph.constant(node.inputs[1]) : nullptr;
  if (!weight || op->group != 1 || op->layout != ops::Layout::nchw || weight->dtype() != DType::f32)
    return std::nullopt;
  Sibling s{n, ValueId::none, {}, node.outputs[0], weight->dims()[0]};
  if (node.inputs.size() > 2) s.bias = node.inputs[2];
  if (s.bias != ValueId::none && !is_constant_f32(graph, s.bias, 1)) return std::nullopt;
  follow_tail(graph, s);
  return s;
}

/// Which dim of the weights counts the columns of the result.
size_t column_axis(const Node& node) {
  const auto* matmul = node.op.as<ops::Matmul>();
  return matmul && !matmul->transpose_b ? 1 : 0;
}

/// Equal for siblings: the op with its attributes, the weights' dims but for the columns, and the tail.
std::string kind_of(const Graph& graph, const Sibling& s) {
  const Node& node = graph[s.node];
  Dims dims = graph.constant(node.inputs[1])->dims();
  dims[column_axis(node)] = 0;
  std::string key = std::string(node.op.name()) + node.op.params() + to_string(dims);
  for (NodeId n : s.tail) key += "," + std::string(graph[n].op.name()) + graph[n].op.params();
  return key;
}

/// The merged weights and biases, the node and its tail, over `x`.
Result<ValueId> add_merged(const Graph& graph, const Siblings& siblings, ValueId x, Patch& patch) {
  const Node& first = graph[siblings[0].node];
  const bool is_conv = first.op.is<ops::Conv>();
  std::vector<ValueId> weights, biases;
  bool has_bias = false;
  for (const Sibling& s : siblings) has_bias |= s.bias != ValueId::none;
  for (const Sibling& s : siblings) {
    weights.push_back(graph[s.node].inputs[1]);
    if (!has_bias) continue;
    if (s.bias != ValueId::none) {
      biases.push_back(s.bias);
    } else {
      RK_TRY(Tensor zeros, Tensor::make(DType::f32, {s.columns}));
      biases.push_back(patch.add_constant(std::move(zeros)));
    }
  }
  RK_TRY(ValueId weight, patch.add1(ops::Concat{int64_t(column_axis(first))}, weights));
  ValueId bias = ValueId::none;
  if (has_bias) {
    RK_TRY(bias, patch.add1(ops::Concat{0}, biases));
  }
  std::vector<ValueId> inputs{x, weight};
  if (has_bias && is_conv) inputs.push_back(bias);
  RK_TRY(ValueId y, patch.add1(first.op, inputs));
  if (has_bias && !is_conv) {
    RK_TRY(y, patch.add1(ops::Add{}, {y, bias}));
  }
  for (NodeId n : siblings[0].tail) {
    RK_TRY(y, patch.add1(graph[n].op, {y}));
  }
  return y;
}

Status merge(Graph& graph, const Siblings& siblings) {
  const Node& first = graph[siblings[0].node];
  Patch patch(graph);
  RK_TRY(const ValueId y, add_merged(graph, siblings, first.inputs[0], patch));
  const int64_t axis = first.op.is<ops::Matmul>() ? patch.type(y).rank() - 1 : 1;
  int64_t start = 0;
  for (const Sibling& s : siblings) {
    const ops::Slice part{.axes = {axis}, .starts = {start}, .ends = {start + s.columns}, .steps = {1}};
    RK_TRY(const ValueId v, patch.add1(part, {y}));
    patch.replace(s.result, v);
    start += s.columns;
  }
  return graph.apply(patch);
}

/// Microseconds of a node like this one with so many columns. Only sizes matter, so the weights are zeros.
Result<double> time_of(const Graph& graph, const Sibling& like, int64_t columns, bool has_bias,
                       const PassContext& context) {
  const Node& node = graph[like.node];
  Graph one;
  const ValueId x = one.add_input("x", graph[node.inputs[0]].type);
  Dims dims = graph.constant(node.inputs[1])->dims();
  dims[column_axis(node)] = columns;
  RK_TRY(Tensor weight, Tensor::make(DType::f32, dims));
  RK_TRY(Tensor bias, Tensor::make(DType::f32, {columns}));
  std::vector<ValueId> inputs{x, one.add_constant("w", std::move(weight))};
  const bool is_conv = node.op.is<ops::Conv>();
  const ValueId b = has_bias ? one.add_constant("b", std::move(bias)) : ValueId::none;
  if (is_conv && has_bias) inputs.push_back(b);
  RK_TRY(ValueId y, one.add1(node.op, inputs));
  if (!is_conv && has_bias) {
    RK_TRY(y, one.add1(ops::Add{}, {y, b}));
  }
  for (NodeId n : like.tail) {
    RK_TRY(y, one.add1(graph[n].op, {y}));
  }
  one.set_outputs({y});
  return context.measure(one);
}

/// Without measurements merging is taken to pay: it saves reading the input again.
bool is_faster(const Graph& graph, const Siblings& siblings, PassContext& context) {
  if (!context.measure) return true;
  int64_t columns = 0;
  bool has_bias = false;
  double apart = 0;
  for (const Sibling& s : siblings) {
    columns += s.columns;
    has_bias |= s.bias != ValueId::none;
    const auto time = time_of(graph, s, s.columns, s.bias != ValueId::none, context);
    if (!time.ok()) return false;
    apart += *time;
  }
  const auto merged = time_of(graph, siblings[0], columns, has_bias, context);
  constexpr double kWorthIt = 0.97;  // readers of slices pay a little for their longer rows
  if (merged.ok() && *merged < kWorthIt * apart) return true;
  context.remarks.push_back(
      "merge-siblings: " + std::to_string(siblings.size()) + " like " + graph[siblings[0].result].name +
      " stay apart: " +
      (merged.ok() ? std::to_string(*merged) + " us as one, " + std::to_string(apart) + " us apart"
                   : merged.status().message()));
  return false;
}

/// The groups of siblings that read x.
std::vector<Siblings> siblings_of(const Graph& graph, ValueId x) {
  std::map<std::string, Siblings> groups;
  for (NodeId n : graph.users(x)) {
    if (graph[n].inputs[0] != x) continue;
    auto sibling = as_matmul(graph, n);
    if (!sibling) sibling = as_conv(graph, n);
    if (sibling && is_read_in_place(graph, sibling->result))
      groups[kind_of(graph, *sibling)].push_back(std::move(*sibling));
  }
  std::vector<Siblings> found;
  for (auto& [kind, siblings] : groups) {
    std::sort(siblings.begin(), siblings.end(),
              [&](const Sibling& a, const Sibling& b) { return graph.precedes(a.node, b.node); });
    if (siblings.size() > 1) found.push_back(std::move(siblings));
  }
  return found;
}

}  // namespace

Result<int> merge_siblings(Graph& graph, PassContext& context) {
  int changes = 0;
  std::vector<ValueId> read = graph.inputs;
  for (NodeId n : graph.order()) read.insert(read.end(), graph[n].outputs.begin(), graph[n].outputs.end());
  for (ValueId x : read) {
    if (!graph.is_live(x)) continue;
    for (const Siblings& siblings : siblings_of(graph, x)) {
      if (!is_faster(graph, siblings, context)) continue;
      if (!context.take_budget()) return changes;
      RK_CHECK(merge(graph, siblings));
      ++changes;
    }
  }
  return changes;
}

}  // namespace rekindle::passes
