// lower-precision: values between kernels are stored in FP16 where the build allows it. Kernels compute and
// accumulate in FP32 whatever the type of their tensors, so the pass decides what is rounded, not how.
//
// FP16 begins at contractions, norms, softmax and pools, and at lookups in constant tables; elementwise ops
// and index maps are FP16 where what they read is, and index maps also where all that read them are;
// elementwise ops that nothing reads in FP16 stay FP32. Weights are rounded to nearest, casts stand where the
// types meet, the graph's inputs and outputs keep theirs.
//
// What stays FP32: ops whose results leave the range of FP16 for inputs inside it (exp, pow, div, sums …),
// ops that no kernel takes in FP16, and readers of constants that FP16 does not hold: above 65504, and for
// elementwise ops also below its smallest normal number (an epsilon would become 0). What such an op makes is
// clipped to what FP16 holds before it is narrowed: a mask of -3.4e38 becomes -65504, not infinite.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include "ir/patch.h"
#include "math/cast.h"
#include "math/conv.h"
#include "math/elementwise.h"
#include "math/gather.h"
#include "math/matmul.h"
#include "math/movement.h"
#include "math/norm.h"
#include "math/pool.h"
#include "math/reduce.h"
#include "math/resize.h"
#include "math/softmax.h"
#include "passes/passes.h"

namespace rekindle::passes {

namespace {

constexpr double kLargest = 65504, kSmallestNormal = 0x1p-14;

/// What decides about an op.
enum class Rule : uint8_t {
  keeps,    // FP32 always
  starts,   // FP16 whatever it reads
  follows,  // FP16 when something it reads is
  moves,    // an index map: FP16 when its first input is, or all its readers are
};

bool is_f32(const Graph& graph, ValueId v) { return v != ValueId::none && graph[v].type.dtype == DType::f32; }

Rule rule_of_conv(const Graph& graph, const Node& node, const ops::Conv& conv) {
  const Tensor* weight = graph.constant(node.inputs[1]);
  const bool is_pair = weight && weight->count() > 0 && conv.layout == ops::Layout::nhwc;
  if (!is_pair) return Rule::keeps;
  const bool is_depthwise = weight->dims()[1] == 1 && weight->dims()[0] == conv.group;
  return conv.group == 1 || is_depthwise ? Rule::starts : Rule::keeps;
}

template <class T> Rule rule_of_pool(const Node& node, const T& op) {
  return op.layout == ops::Layout::nhwc && node.outputs.size() == 1 ? Rule::starts : Rule::keeps;
}

Rule rule_of_elementwise(const Op& op) {
  if (op.arity() == 0) return Rule::keeps;
  static constexpr std::string_view kWide[] = {"exp",  "pow",  "div", "reciprocal", "square",
                                               "sinh", "cosh", "tan", "mod",        "atanh"};
  return std::find(std::begin(kWide), std::end(kWide), op.name()) == std::end(kWide) ? Rule::follows
                                                                                     : Rule::keeps;
}

Rule rule_of(const Graph& graph, const Node& node) {
  const Op& op = node.op;
  if (const auto* conv = op.as<ops::Conv>()) return rule_of_conv(graph, node, *conv);
  if (const auto* matmul = op.as<ops::Matmul>()) {
    const bool are_matrices = graph[node.inputs[0]].type.rank() > 1 && graph[node.inputs[1]].type.rank() > 1;
    return are_matrices && !matmul->transpose_a ? Rule::starts : Rule::keeps;
  }
  if (const auto* pool = op.as<ops::MaxPool>()) return rule_of_pool(node, *pool);
  if (const auto* pool = op.as<ops::AveragePool>()) return rule_of_pool(node, *pool);
  if (op.is<ops::Attention>() || op.is<ops::Softmax>() || op.is<ops::LogSoftmax>()) return Rule::starts;
  if (op.is<ops::LayerNorm>() || op.is<ops::RmsNorm>())
    return node.outputs.size() == 1 ? Rule::starts : Rule::keeps;
  if (const auto* reduce = op.as<ops::Reduce>()) {
    const bool stays_in_range = reduce->op == ops::ReduceOp::mean || reduce->op == ops::ReduceOp::max ||
                                reduce->op == ops::ReduceOp::min;
    return stays_in_range ? Rule::follows : Rule::keeps;
  }
  if (op.is<ops::Gather>()) return graph.constant(node.inputs[0]) ? Rule::starts : Rule::moves;
  if (op.is<ops::Reshape>() || op.is<ops::Transpose>() || op.is<ops::Expand>() || op.is<ops::Slice>() ||
      op.is<ops::Tile>() || op.is<ops::Pad>() || op.is<ops::Resize>())
    return Rule::moves;
  if (op.is<ops::Concat>()) return Rule::follows;
  return op.kind() == OpKind::elementwise ? rule_of_elementwise(op) : Rule::keeps;
}

/// The inputs that have the type of the result; those of the others (indices, scales, masks) stay.
size_t typed_inputs(const Node& node) {
  if (node.op.is<ops::Attention>()) return 3;
  if (node.op.is<ops::Gather>() || node.op.is<ops::Resize>() || node.op.is<ops::Reshape>() ||
      node.op.is<ops::Expand>() || node.op.is<ops::Slice>() || node.op.is<ops::Tile>() ||
      node.op.is<ops::Reduce>())
    return 1;
  return node.inputs.size();
}

bool is_held(const Tensor& c, bool wants_normal) {
  for (const float x : c.values<float>()) {
    const double a = std::fabs(double(x));
    if (std::isfinite(x) && a > kLargest) return false;
    if (wants_normal && a != 0 && a < kSmallestNormal) return false;
  }
  return true;
}

bool holds_constants(const Graph& graph, const Node& node) {
  const bool wants_normal = node.op.kind() == OpKind::elementwise;
  for (size_t i = 0; i < std::min(typed_inputs(node), node.inputs.size()); ++i) {
    const Tensor* c = graph.constant(node.inputs[i]);
    if (c && c->dtype() == DType::f32 && !is_held(*c, wants_normal)) return false;
  }
  return true;
}

class Lowering {
 public:
  Lowering(Graph& graph, PassContext& context) : graph_(graph), context_(context), patch_(graph) {}

  Result<int> run() {
    decide_forward();
    decide_backward();
    int changes = 0;
    for (const NodeId n : graph_.order())
      if (narrow_.contains(n)) {
        if (!context_.take_budget()) break;
        RK_CHECK(rewrite(n));
        ++changes;
      }
    if (changes == 0) return 0;
    for (const NodeId n : graph_.order())  // those the budget did not reach read FP32 as well
      if (!rewritten_.contains(n))
        for (ValueId v : graph_[n].inputs) wanted_.insert(v);
    for (ValueId v : graph_.outputs) wanted_.insert(v);
    for (const auto& [old, now] : narrowed_) RK_CHECK(widen(old, now));
    if (const Status applied = graph_.apply(patch_); !applied.ok()) {
      context_.remarks.push_back("lower-precision: all stays f32: " + applied.message());
      return 0;
    }
    return changes;
  }

 private:
  bool is_candidate(const Node& node) const {
    const bool floats =
        std::all_of(node.outputs.begin(), node.outputs.end(), [&](ValueId v) { return is_f32(graph_, v); });
    return floats && node.outputs.size() == 1 && !node.inputs.empty() && !defines_size(node) &&
           holds_constants(graph_, node);
  }
  /// A size that only running the node tells has one name; a second such node would need another.
  bool defines_size(const Node& node) const {
    for (const Dim& d : graph_[node.outputs[0]].type.shape)
      if (const auto symbol = d.as_symbol(); symbol && graph_.defines_symbol(node.outputs[0], *symbol))
        return true;
    return false;
  }
  bool is_narrow(ValueId v) const {
    return v != ValueId::none && graph_[v].producer != NodeId::none && narrow_.contains(graph_[v].producer);
  }

  void decide_forward() {
    for (const NodeId n : graph_.order()) {
      const Node& node = graph_[n];
      const Rule rule = is_candidate(node) ? rule_of(graph_, node) : Rule::keeps;
      rules_[n] = rule;
      const bool any = std::any_of(node.inputs.begin(), node.inputs.end(),
                                   [&](ValueId v) { return is_f32(graph_, v) && is_narrow(v); });
      if (rule == Rule::starts || (rule == Rule::follows && any) ||
          (rule == Rule::moves && is_narrow(node.inputs[0])))
        narrow_.insert(n);
    }
  }

  void decide_backward() {
    std::vector<NodeId> order = graph_.order();
    for (auto n = order.rbegin(); n != order.rend(); ++n) {
      if (rules_.at(*n) != Rule::moves || narrow_.contains(*n)) continue;
      const ValueId v = graph_[*n].outputs[0];
      const auto& users = graph_.users(v);
      const bool all = std::all_of(users.begin(), users.end(), [&](NodeId u) { return narrow_.contains(u); });
      if (all && !users.empty() && !graph_.is_output(v)) narrow_.insert(*n);
    }
    for (auto n = order.rbegin(); n != order.rend(); ++n) {
      if (rules_.at(*n) != Rule::follows || graph_[*n].op.kind() != OpKind::elementwise) continue;
      const auto& users = graph_.users(graph_[*n].outputs[0]);
      if (std::none_of(users.begin(), users.end(), [&](NodeId u) { return narrow_.contains(u); }))
        narrow_.erase(*n);
    }
  }

  /// The value in FP16, inside the patch.
  Result<ValueId> narrowed(ValueId v) {
    if (const auto found = narrowed_.find(v); found != narrowed_.end()) return found->second;
    if (const auto found = casts_.find(v); found != casts_.end()) return found->second;
    ValueId made = ValueId::none;
    if (const Tensor* c = graph_.constant(v)) {
      RK_TRY(Tensor rounded, cast(*c, DType::f16));
      made = patch_.add_constant(std::move(rounded));
    } else {
      ValueId from = v;
      if (graph_[v].producer != NodeId::none) {
        RK_TRY(from, patch_.add1(ops::Clip{float(-kLargest), float(kLargest)}, {v}));
      }
      RK_TRY(made, patch_.add1(ops::Cast{DType::f16}, {from}));
    }
    casts_[v] = made;
    return made;
  }

  Status rewrite(NodeId n) {
    const Node& node = graph_[n];
    std::vector<ValueId> inputs = node.inputs;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!is_f32(graph_, inputs[i])) continue;
      if (i < typed_inputs(node)) {
        RK_TRY(inputs[i], narrowed(inputs[i]));
      } else {
        wanted_.insert(inputs[i]);
        if (const auto found = narrowed_.find(inputs[i]); found != narrowed_.end()) {
          RK_TRY(inputs[i], widened(inputs[i], found->second));
        }
      }
    }
    RK_TRY(narrowed_[node.outputs[0]], patch_.add1(node.op, inputs, {}, node.origin));
    rewritten_.insert(n);
    return {};
  }

  Result<ValueId> widened(ValueId old, ValueId now) {
    if (const auto found = widened_.find(old); found != widened_.end()) return found->second;
    RK_TRY(widened_[old], patch_.add1(ops::Cast{DType::f32}, {now}));
    return widened_[old];
  }

  /// FP32 for the readers that want it; a value without such readers disappears with its node.
  Status widen(ValueId old, ValueId now) {
    if (!wanted_.contains(old)) return {};
    RK_TRY(const ValueId wide, widened(old, now));
    patch_.replace(old, wide);
    return {};
  }

  Graph& graph_;
  PassContext& context_;
  Patch patch_;
  std::map<NodeId, Rule> rules_;
  std::set<NodeId> narrow_, rewritten_;
  std::map<ValueId, ValueId> narrowed_, casts_, widened_;
  std::set<ValueId> wanted_;
};

}  // namespace

Result<int> lower_precision(Graph& graph, PassContext& context) {
  if (context.precision != DType::f16) return 0;
  return Lowering(graph, context).run();
}

}  // namespace rekindle::passes
