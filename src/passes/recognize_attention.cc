// recognize-attention: matmul(softmax(matmul(q, kᵀ)·scale + mask), v) becomes one op, whatever order
// exporters scale and mask in.
// SPDX-License-Identifier: Apache-2.0
#include <numeric>
#include <optional>

#include "ir/patch.h"
#include "math/elementwise.h"
#include "math/matmul.h"
#include "math/movement.h"
#include "math/softmax.h"
#include "passes/passes.h"

namespace rekindle::passes {

namespace {

struct Scores {
  ValueId q = ValueId::none, k = ValueId::none, mask = ValueId::none;
  bool k_is_transposed = false;  // k is [.., D, Sk], as a plain matmul reads it
  double scale = 1;
};

/// The node that makes v when nothing else reads v.
const Node* only_producer(const Graph& graph, ValueId v) {
  return v != ValueId::none && graph.use_count(v) == 1 ? graph.producer(v) : nullptr;
}

/// A scalar factor: (input, factor) of mul(x, c) and div(x, c).
std::optional<std::pair<ValueId, double>> scaled(const Graph& graph, const Node& node) {
  for (size_t side = 0; side < 2 && node.inputs.size() == 2; ++side) {
    const Tensor* c = graph.constant(node.inputs[1 - side]);
    if (!c || c->count() != 1) continue;
    if (node.op.is<ops::Mul>()) return std::pair(node.inputs[side], c->as_double(0));
    if (node.op.is<ops::Div>() && side == 0) return std::pair(node.inputs[0], 1 / c->as_double(0));
  }
  return std::nullopt;
}

/// Takes a scalar factor off an operand into the scale: exporters that fear overflow scale q and k apart.
void take_factor(const Graph& graph, ValueId& operand, double& scale) {
  const Node* node = only_producer(graph, operand);
  const auto factor = node ? scaled(graph, *node) : std::nullopt;
  if (!factor || graph[factor->first].type != graph[operand].type) return;
  operand = factor->first;
  scale *= factor->second;
}

/// The softmax behind the weights, also where rows that see no key (NaN) are set to 0, as attention does
/// anyway.
const Node* softmax_of(const Graph& graph, ValueId weights) {
  const Node* node = only_producer(graph, weights);
  if (!node || !node->op.is<ops::Where>()) return node;
  const Tensor* zero = graph.constant(node->inputs[1]);
  const Node* test = only_producer(graph, node->inputs[0]);
  const ValueId soft = node->inputs[2];
  const bool is_guard = zero && zero->count() == 1 && zero->as_double(0) == 0 && test &&
                        test->op.is<ops::IsNaN>() && test->inputs[0] == soft && graph.use_count(soft) == 2;
  return is_guard ? graph.producer(soft) : nullptr;
}

/// Follows the scores back to the matmul of q and k. The mask is added after scaling, so it is met first.
std::optional<Scores> scores_of(const Graph& graph, ValueId v) {
  Scores scores;
  for (int step = 0; step < 4; ++step) {
    const Node* node = only_producer(graph, v);
    if (!node) return std::nullopt;
    if (const auto* matmul = node->op.as<ops::Matmul>()) {
      if (matmul->transpose_a) return std::nullopt;
      scores.q = node->inputs[0];
      scores.k = node->inputs[1];
      scores.k_is_transposed = !matmul->transpose_b;
      take_factor(graph, scores.q, scores.scale);
      take_factor(graph, scores.k, scores.scale);
      return scores;
    }
    if (const auto factor = scaled(graph, *node)) {
      scores.scale *= factor->second;
      v = factor->first;
    } else if (node->op.is<ops::Add>() && scores.mask == ValueId::none && scores.scale == 1) {
      // The side with the scores has their shape; a mask of the same shape is told apart by what makes it.
      const bool first = only_producer(graph, node->inputs[0]) &&
                         graph[node->inputs[0]].type == graph[v].type &&
                         !only_producer(graph, node->inputs[0])->op.is<ops::Add>();
      scores.mask = node->inputs[first ? 1 : 0];
      v = node->inputs[first ? 0 : 1];
    } else {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

Result<bool> recognize(Graph& graph, NodeId id) {
  const Node& node = graph[id];
  const auto* outer = node.op.as<ops::Matmul>();
  if (!outer || outer->transpose_a || outer->transpose_b || graph[node.outputs[0]].type.dtype != DType::f32)
    return false;
  const Node* softmax = softmax_of(graph, node.inputs[0]);
  const auto* op = softmax ? softmax->op.as<ops::Softmax>() : nullptr;
  const TensorType& weights = graph[node.inputs[0]].type;
  if (!op || (op->axis != -1 && op->axis != weights.rank() - 1)) return false;
  const auto scores = scores_of(graph, softmax->inputs[0]);
  const size_t rank = weights.shape.size();
  if (!scores || rank < 2 || graph[scores->q].type.shape.size() != rank ||
      graph[scores->k].type.shape.size() != rank || graph[node.inputs[1]].type.shape.size() != rank ||
      scores->scale == 0)
    return false;
  Patch patch(graph);
  ValueId k = scores->k;
  if (scores->k_is_transposed) {
    std::vector<int64_t> swap(rank);
    std::iota(swap.begin(), swap.end(), 0);
    std::swap(swap[rank - 1], swap[rank - 2]);
    RK_TRY(k, patch.add1(ops::Transpose{swap}, {k}));
  }
  std::vector<ValueId> inputs{scores->q, k, node.inputs[1]};
  if (scores->mask != ValueId::none) inputs.push_back(scores->mask);
  RK_TRY(ValueId y, patch.add1(ops::Attention{.scale = float(scores->scale)}, inputs));
  patch.replace(node.outputs[0], y);
  return graph.apply(patch).ok();  // refused when dims that were equal by broadcast are not provably so
}

}  // namespace

Result<int> recognize_attention(Graph& graph, PassContext& context) {
  int changes = 0;
  for (NodeId n = graph.first(); n != NodeId::none; n = graph.next(n)) {
    if (!context.take_budget()) break;
    RK_TRY(bool changed, recognize(graph, n));
    changed ? ++changes : ++context.budget;
  }
  return changes;
}

}  // namespace rekindle::passes
