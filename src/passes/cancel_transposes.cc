// cancel-transposes: a transpose moves down past every op that has a counterpart over the untransposed value,
// until it meets another one and both become one, or none. Moving never adds transposes, so the pass ends.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>

#include "ir/patch.h"
#include "math/cast.h"
#include "math/matmul.h"
#include "math/movement.h"
#include "math/reduce.h"
#include "math/resize.h"
#include "math/softmax.h"
#include "passes/passes.h"
#include "passes/permutation.h"
#include "passes/reshape_runs.h"

namespace rekindle::passes {

namespace {

/// The permutation when v is made by a transpose.
const ops::Transpose* transpose_of(const Graph& graph, ValueId v) {
  const Node* made = v == ValueId::none ? nullptr : graph.producer(v);
  const auto* t = made ? made->op.as<ops::Transpose>() : nullptr;
  return t && !t->perm.empty() ? t : nullptr;
}

/// The op over the untransposed input, and how its result is to be transposed: p for ops that keep the rank.
struct Moved {
  Op op;
  Permutation after;
};

int64_t map_axis(int64_t axis, const Permutation& p) {
  return p[size_t(axis < 0 ? axis + int64_t(p.size()) : axis)];
}
std::vector<int64_t> map_axes(std::vector<int64_t> axes, const Permutation& p) {
  for (int64_t& axis : axes) axis = map_axis(axis, p);
  return axes;
}

/// keepdims=false drops the reduced dims; what is left keeps its relative order under p.
Permutation without(const Permutation& p, const std::vector<int64_t>& dropped) {
  std::vector<int64_t> number(p.size(), -1);
  int64_t next = 0;
  for (size_t i = 0; i < p.size(); ++i)
    if (std::find(dropped.begin(), dropped.end(), int64_t(i)) == dropped.end()) number[i] = next++;
  Permutation left;
  for (int64_t i : p)
    if (number[size_t(i)] >= 0) left.push_back(number[size_t(i)]);
  return left;
}

template <class T> std::optional<Moved> with_axis(const Op& op, const Permutation& p) {
  const T* is = op.as<T>();
  if (!is) return std::nullopt;
  T moved = *is;
  moved.axis = map_axis(is->axis, p);
  return Moved{Op(std::move(moved)), p};
}

std::optional<Moved> move_reduce(const ops::Reduce& reduce, const Permutation& p) {
  ops::Reduce moved = reduce;
  if (moved.axes.empty())
    for (size_t i = 0; i < p.size(); ++i) moved.axes.push_back(int64_t(i));
  else
    moved.axes = map_axes(moved.axes, p);
  std::sort(moved.axes.begin(), moved.axes.end());
  const Permutation after = reduce.keepdims ? p : without(p, moved.axes);
  return Moved{Op(std::move(moved)), after};
}

std::optional<Moved> move_slice(const ops::Slice& slice, const Permutation& p) {
  ops::Slice moved = slice;
  if (moved.axes.empty())
    for (size_t i = 0; i < moved.starts.size(); ++i) moved.axes.push_back(int64_t(i));
  moved.axes = map_axes(moved.axes, p);
  return Moved{Op(std::move(moved)), p};
}

std::optional<Moved> move_pad(const ops::Pad& pad, const Permutation& p) {
  ops::Pad moved = pad;
  const size_t rank = p.size();
  for (size_t i = 0; i < rank; ++i) {
    moved.pads[size_t(p[i])] = pad.pads[i];
    moved.pads[rank + size_t(p[i])] = pad.pads[rank + i];
  }
  return Moved{Op(std::move(moved)), p};
}

/// The counterpart of the node over untransposed data; nullopt when it has none.
std::optional<Moved> moved_past(const Node& node, const Permutation& p) {
  const Op& op = node.op;
  if (op.kind() == OpKind::elementwise && (op.arity() > 0 || op.is<ops::Cast>())) return Moved{op, p};
  if (const auto* r = op.as<ops::Reduce>(); r && node.inputs.size() == 1) return move_reduce(*r, p);
  if (const auto* s = op.as<ops::Slice>(); s && node.inputs.size() == 1) return move_slice(*s, p);
  if (const auto* r = op.as<ops::Resize>(); r && node.inputs.size() == 1) {
    ops::Resize moved = *r;
    moved.axes = map_axes(r->axes, p);
    return Moved{Op(std::move(moved)), p};
  }
  if (const auto* pad = op.as<ops::Pad>(); pad && node.inputs.size() <= 2 && pad->pads.size() == 2 * p.size())
    return move_pad(*pad, p);
  if (op.is<ops::Concat>()) return with_axis<ops::Concat>(op, p);
  return with_axis<ops::Softmax>(op, p);
}

/// Inputs of these ops that are laid out like the first one; the others are scalars or lists and stay as they
/// are.
size_t data_inputs(const Node& node) { return node.op.is<ops::Pad>() ? 1 : node.inputs.size(); }

class TransposeMover {
 public:
  TransposeMover(Graph& graph, PassContext& context) : graph_(graph), context_(context) {}

  Result<int> run() {
    // Moves never add transposes, but two could pass one back and forth; a bound that real graphs stay far
    // below ends that.
    const int most_changes = 16 * int(graph_.node_count()) + 64;
    // Those that only move ones become reshapes in the end: until then they still meet their inverses.
    for (bool again = true; (again || !as_reshapes_) && context_.budget > 0;) {
      as_reshapes_ = !again;
      again = false;
      for (NodeId n = graph_.first(); n != NodeId::none; n = graph_.next(n)) {
        RK_TRY(bool changed, simplify(n));
        if (!changed && graph_.is_live(n)) {
          RK_TRY(changed, move_past(n));
        }
        if (changed) ++changes_, again = true, context_.take_budget();
        if (context_.budget <= 0 || changes_ >= most_changes) return changes_;
      }
    }
    return changes_;
  }

 private:
  /// Two transposes become one, one that moves nothing is its input, one that only moves ones is, in the end,
  /// a reshape.
  Result<bool> simplify(NodeId n) {
    const Node& node = graph_[n];
    const auto* t = node.op.as<ops::Transpose>();
    if (!t) return false;
    Permutation p = t->perm;
    ValueId x = node.inputs[0];
    const ops::Transpose* before = transpose_of(graph_, x);
    Patch patch(graph_);
    if (before) {
      p = compose(before->perm, p);
      x = graph_.producer(x)->inputs[0];
    }
    ValueId now = x;
    if (is_identity(p)) {
      // Stands for its input.
    } else if (as_reshapes_ && only_moves_ones(p, graph_[x].type.shape)) {
      RK_TRY(now, patch.add1(ops::Reshape{graph_[node.outputs[0]].type.shape}, {x}));
    } else if (before) {
      RK_TRY(now, patch.add1(ops::Transpose{p}, {x}));
    } else {
      return false;
    }
    patch.replace(node.outputs[0], now);
    return graph_.apply(patch).ok();  // refused when an output of the graph would stand for an input
  }

  /// The input without its transpose by p: what was transposed, a constant turned round, or a new transpose
  /// back.
  Result<std::optional<ValueId>> untransposed(ValueId v, const Permutation& p, const Shape& shape,
                                              Patch& patch, int& balance) {
    if (const auto* t = transpose_of(graph_, v); t && t->perm == p) {
      if (is_given_up(v)) --balance;
      return std::optional(graph_.producer(v)->inputs[0]);
    }
    const TensorType type = graph_[v].type;
    const bool is_constant = graph_.constant(v) != nullptr;
    if (type.count().is(1) && type.rank() == 0) return std::optional(v);
    if (size_t(type.rank()) < p.size()) {  // broadcasts from the right: give it all the dims, then turn it
      if (!is_constant) return std::optional<ValueId>();
      Shape full(p.size() - type.shape.size(), Dim(1));
      full.insert(full.end(), type.shape.begin(), type.shape.end());
      RK_TRY(v, patch.add1(ops::Reshape{full}, {v}));
    }
    if (size_t(patch.type(v).rank()) != p.size()) return std::optional<ValueId>();
    // A new transpose: free on a constant, which is folded, and where it only moves ones; small next to the
    // result otherwise.
    if (!is_constant && !only_moves_ones(inverse(p), patch.type(v).shape) && patch.type(v).shape == shape)
      ++balance;
    RK_TRY(ValueId back, patch.add1(ops::Transpose{inverse(p)}, {v}));
    return std::optional(back);
  }

  /// Whether v's transpose will have no reader left once ops like this one have moved past it.
  bool is_given_up(ValueId v) const {
    if (graph_.is_output(v)) return false;
    const auto& users = graph_.users(v);
    return std::all_of(users.begin(), users.end(), [&](NodeId u) {
      return graph_[u].op.is<ops::Transpose>() ||
             moved_past(graph_[u], transpose_of(graph_, v)->perm).has_value();
    });
  }

  /// A reshape that splits and joins dims which the transpose left side by side does so before it as well.
  Result<bool> move_past_reshape(NodeId n) {
    const Node& node = graph_[n];
    const ValueId v = node.inputs[0];
    const ops::Transpose* t = transpose_of(graph_, v);
    if (!t || node.inputs.size() != 1 || graph_.use_count(v) != 1) return false;
    const Shape& after = graph_[node.outputs[0]].type.shape;
    auto runs = reshape_runs(graph_[v].type.shape, after);
    if (!runs) return false;
    for (const ReshapeRun& run : *runs)
      for (size_t i = 1; i < run.from_count; ++i)
        if (t->perm[run.from + i] != t->perm[run.from] + int64_t(i)) return false;
    std::sort(runs->begin(), runs->end(),
              [&](const ReshapeRun& a, const ReshapeRun& b) { return t->perm[a.from] < t->perm[b.from]; });
    Shape shape;
    Permutation perm(after.size());
    for (const ReshapeRun& run : *runs)
      for (size_t i = run.to; i < run.to + run.to_count; ++i) {
        perm[i] = int64_t(shape.size());
        shape.push_back(after[i]);
      }
    Patch patch(graph_);
    RK_TRY(ValueId now, patch.add1(ops::Reshape{shape}, {graph_.producer(v)->inputs[0]}));
    if (!is_identity(perm)) {
      RK_TRY(now, patch.add1(ops::Transpose{perm}, {now}));
    }
    patch.replace(node.outputs[0], now);
    return graph_.apply(patch).ok();
  }

  Result<bool> move_past(NodeId n) {
    const Node& node = graph_[n];
    if (node.outputs.size() != 1) return false;
    if (node.op.is<ops::Reshape>()) return move_past_reshape(n);
    const ops::Transpose* first = nullptr;
    for (ValueId v : node.inputs)
      if (!first) first = transpose_of(graph_, v);
    if (!first) return false;
    const Permutation p = first->perm;
    const Shape& out = graph_[node.outputs[0]].type.shape;
    const auto moved = moved_past(node, p);
    // One transpose comes after the op; as many must go before it.
    int balance = 1;
    if (!moved || (node.op.kind() == OpKind::elementwise && out.size() != p.size())) return false;
    Patch patch(graph_);
    std::vector<ValueId> inputs;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (i >= data_inputs(node) || node.inputs[i] == ValueId::none) {
        inputs.push_back(node.inputs[i]);
        continue;
      }
      RK_TRY(auto input, untransposed(node.inputs[i], p, out, patch, balance));
      if (!input) return false;
      inputs.push_back(*input);
    }
    if (balance > 0) return false;
    RK_TRY(ValueId now, patch.add1(moved->op, inputs));
    if (!is_identity(moved->after)) {
      RK_TRY(now, patch.add1(ops::Transpose{moved->after}, {now}));
    }
    patch.replace(node.outputs[0], now);
    return graph_.apply(patch).ok();
  }

  Graph& graph_;
  PassContext& context_;
  int changes_ = 0;
  bool as_reshapes_ = false;
};

/// matmul(a, transpose(b)) with the last two dims swapped reads b the other way round instead.
Result<int> absorb_into_matmuls(Graph& graph, PassContext& context) {
  int changes = 0;
  for (NodeId n = graph.first(); n != NodeId::none; n = graph.next(n)) {
    const auto* matmul = graph[n].op.as<ops::Matmul>();
    if (!matmul || context.budget <= 0) continue;
    for (size_t side = 0; side < 2; ++side) {
      const auto* t = transpose_of(graph, graph[n].inputs[side]);
      if (!t || t->perm.size() < 2) continue;
      Permutation swap(t->perm.size());
      std::iota(swap.begin(), swap.end(), 0);
      std::swap(swap[swap.size() - 1], swap[swap.size() - 2]);
      if (t->perm != swap) continue;
      ops::Matmul changed = *graph[n].op.as<ops::Matmul>();
      (side == 0 ? changed.transpose_a : changed.transpose_b) ^= true;
      Patch patch(graph);
      std::vector<ValueId> inputs = graph[n].inputs;
      inputs[side] = graph.producer(inputs[side])->inputs[0];
      RK_TRY(ValueId now, patch.add1(changed, inputs));
      patch.replace(graph[n].outputs[0], now);
      RK_CHECK(graph.apply(patch));
      context.take_budget();
      ++changes;
      break;
    }
  }
  return changes;
}

}  // namespace

Result<int> cancel_transposes(Graph& graph, PassContext& context) {
  RK_TRY(int moved, TransposeMover(graph, context).run());
  RK_TRY(int absorbed, absorb_into_matmuls(graph, context));
  return moved + absorbed;
}

}  // namespace rekindle::passes
