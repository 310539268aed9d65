// Attention in all its forms: with a past, masks, windows, paddings, soft caps and the scores as an output;
// FlexAttention, whose scores go through graphs.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>

#include "math/matmul.h"
#include "math/softmax.h"
#include "onnx/compose.h"
#include "onnx/importer.h"

namespace rekindle::onnx {
namespace {

/// [B, S, heads*D] as [B, heads, S, D].
ValueId split_heads(Composition& c, ValueId x, int64_t heads, const char* name) {
  const Shape shape = c.type(x).shape;
  if (shape.size() == 4) return x;
  if (shape.size() != 3)
    return c.fail(invalid(std::string(name) + " is " + c.type(x).to_string() + ", expected rank 3 or 4")), x;
  if (heads < 1 || (shape[2].as_int() && *shape[2].as_int() % heads != 0))
    return c.fail(invalid("there are " + std::to_string(heads) + " heads for " + name + " " +
                          c.type(x).to_string() + ", expected a divisor of its last dim")),
           x;
  return c.transpose(c.reshape(x, {shape[0], shape[1], heads, floor_div(shape[2], heads)}), {0, 2, 1, 3});
}

/// Each key or value head repeated for the query heads that share it.
ValueId repeat_heads(Composition& c, ValueId x, const Dim& heads) {
  const Shape s = c.type(x).shape;
  if (!c.ok() || s.size() != 4 || s[1] == heads) return x;
  if (!s[1].as_int() || !heads.as_int() || s[1].is(0) || *heads.as_int() % *s[1].as_int() != 0)
    return c.fail(invalid("there are " + s[1].to_string() + " key and value heads for " + heads.to_string() +
                          " query heads, expected a divisor")),
           x;
  const Dim times = floor_div(heads, s[1]);
  const ValueId wide = c.expand(c.reshape(x, {s[0], s[1], 1, s[2], s[3]}), {s[0], s[1], times, s[2], s[3]});
  return c.reshape(wide, {s[0], heads, s[2], s[3]});
}

struct Attention {
  float scale = 0, softcap = 0;
  bool causal = false;
  int64_t left = -1, right = -1, mode = 0;
  std::optional<DType> softmax_type;
};

Result<Attention> read_attention(NodeReader& node) {
  Attention a;
  a.scale = node.real("scale", 0);
  a.softcap = node.real("softcap", 0);
  a.causal = node.flag("is_causal", false);
  a.left = node.integer("left_window_size", -1);
  a.right = node.integer("right_window_size", -1);
  a.mode = node.integer("qk_matmul_output_mode", 0);
  if (a.left < -1 || a.right < -1 || a.mode < 0 || a.mode > 3)
    return invalid("the windows are " + std::to_string(a.left) + " and " + std::to_string(a.right) +
                   " and qk_matmul_output_mode " + std::to_string(a.mode) +
                   ", expected at least -1 and 0 to 3");
  if (node.has("softmax_precision")) {
    a.softmax_type = dtype_from_onnx(int(node.integer("softmax_precision", 1)));
    if (!a.softmax_type || !is_float(*a.softmax_type))
      return invalid("attribute 'softmax_precision' is no float type");
  }
  return a;
}

/// Which keys a query may see, as a boolean that broadcasts to [B, H, Sq, Sk]; none when all.
ValueId visible_keys(Composition& c, const Attention& a, ValueId q, ValueId k, const Dim& past, ValueId valid,
                     bool causal) {
  if (!causal && a.left < 0 && a.right < 0 && valid == ValueId::none) return ValueId::none;
  const Dim queries = c.dim(q, 2), keys = c.dim(k, 2);
  const ValueId key = c.reshape(c.range(keys), {1, keys});
  ValueId query = c.reshape(c.range(queries), {queries, 1});
  if (valid != ValueId::none) {
    valid = c.reshape(c.cast(valid, DType::i64), {c.dim(q, 0), 1, 1, 1});
    query = c.add(query, c.sub(valid, c.size(queries)));  // counted among all keys
  } else if (!past.is(0)) {
    query = c.add(query, c.size(past));
  }
  ValueId seen = ValueId::none;
  const auto both = [&](ValueId more) { seen = seen == ValueId::none ? more : c(ops::And{}, {seen, more}); };
  const auto limit = [&](int64_t n) { return c.number(DType::i64, double(n)); };
  if (causal) both(c(ops::LessOrEqual{}, {key, query}));
  if (a.left >= 0) both(c(ops::LessOrEqual{}, {c.sub(query, key), limit(a.left)}));
  if (a.right >= 0) both(c(ops::LessOrEqual{}, {c.sub(key, query), limit(a.right)}));
  if (valid != ValueId::none) both(c(ops::Less{}, {key, valid}));
  return seen;
}

/// A mask that covers only the first keys hides the others.
ValueId whole_mask(Composition& c, ValueId mask, const Dim& keys) {
  const auto own = c.dim(mask, -1).as_int(), all = keys.as_int();
  if (mask == ValueId::none || c.rank(mask) == 0 || !own || !all || *own >= *all || *own == 1) return mask;
  std::vector<Dim> pads(size_t(2 * c.rank(mask)), Dim(0));
  pads.back() = *all - *own;
  const ValueId hidden =
      c.like(mask, c.dtype(mask) == DType::boolean ? 0 : -std::numeric_limits<double>::infinity());
  return c(ops::Pad{.pads = pads}, {mask, hidden});
}

/// Mask and visible keys as one, of a float type or boolean; none when both are.
ValueId joined_mask(Composition& c, ValueId mask, ValueId seen) {
  if (seen == ValueId::none) return mask;
  if (mask == ValueId::none) return seen;
  if (c.dtype(mask) == DType::boolean) return c(ops::And{}, {mask, seen});
  return c.where(seen, mask, c.like(mask, -std::numeric_limits<double>::infinity()));
}

struct Scored {
  ValueId y, scores;
};
/// The op spelled out, for what no fused attention gives.
Scored spelled_out(Composition& c, const Attention& a, ValueId q, ValueId k, ValueId v, ValueId mask) {
  const DType own = c.dtype(q);
  const double depth = double(c.dim(q, 3).as_int().value_or(0));
  ValueId root;
  if (a.scale != 0 || depth > 0) {
    root = c.number(own, std::sqrt(a.scale != 0 ? double(a.scale) : 1 / std::sqrt(depth)));
  } else {
    const ValueId size = c.cast(c.size(c.dim(q, 3)), DType::f64);
    root = c.cast(c(ops::Pow{}, {size, c.number(DType::f64, -0.25)}), own);
  }
  ValueId scores = c(ops::Matmul{.transpose_b = true}, {c.mul(q, root), c.mul(k, root)});
  ValueId shown = scores;
  if (a.softcap > 0) {
    const ValueId cap = c.like(scores, a.softcap);
    scores = c.mul(c(ops::Tanh{}, {c.div(scores, cap)}), cap);
    shown = scores;  // modes 0 and 1 differ by the cap alone; the first one shows it too
  }
  ValueId blind = ValueId::none;  // queries that see no key
  if (mask != ValueId::none) {
    const double hidden = -std::numeric_limits<double>::infinity();
    if (c.dtype(mask) == DType::boolean) mask = c.where(mask, c.like(scores, 0), c.like(scores, hidden));
    mask = c.cast(mask, own);
    scores = c.add(scores, mask);
    if (c.rank(mask) > 0) {
      const ValueId best = c.reduce(ops::ReduceOp::max, mask, {-1}, true);
      blind = c.equal(best, c.like(best, hidden));
    }
  }
  if (a.mode == 2) shown = scores;
  const DType softmax_type = a.softmax_type.value_or(own);
  ValueId weights = c(ops::Softmax{.axis = -1}, {c.cast(scores, softmax_type)});
  if (blind != ValueId::none) weights = c.where(blind, c.like(weights, 0), weights);
  weights = c.cast(weights, own);
  if (a.mode == 3) shown = weights;
  return {c(ops::Matmul{}, {weights, v}), shown};
}

}  // namespace

Result<Values> convert_attention(NodeReader& node, Builder& build) {
  RK_TRY(const Attention a, read_attention(node));
  const int64_t q_heads = node.integer("q_num_heads", 0), kv_heads = node.integer("kv_num_heads", 0);
  if (node.has_input(4) != node.has_input(5))
    return invalid("one of past_key and past_value is given, expected both or none");
  Composition c(build);
  const bool flat = c.rank(node.input(0)) == 3;
  const ValueId q = split_heads(c, node.input(0), q_heads, "Q");
  ValueId k = split_heads(c, node.input(1), kv_heads, "K"), v = split_heads(c, node.input(2), kv_heads, "V");
  Dim past = 0;
  if (node.has_input(4)) {
    if (c.rank(node.input(4)) != 4 || c.rank(node.input(5)) != 4)
      return invalid("the past is " + c.type(node.input(4)).to_string() + ", expected rank 4");
    past = c.dim(node.input(4), 2);
    k = c.concat({node.input(4), k}, 2);
    v = c.concat({node.input(5), v}, 2);
  }
  const Values present = {k, v};
  k = repeat_heads(c, k, c.dim(q, 1));
  v = repeat_heads(c, v, c.dim(q, 1));
  RK_CHECK(c.status());
  const ValueId valid = node.input(6);
  const bool fused = a.softcap == 0 && !node.has_output(3);
  // the fused op knows causal masks; one that each batch item has of its own is a mask like others
  const bool own_causal = fused && a.causal && valid == ValueId::none;
  const ValueId seen = visible_keys(c, a, q, k, past, valid, a.causal && !own_causal);
  const ValueId mask = joined_mask(c, whole_mask(c, node.input(3), c.dim(k, 2)), seen);
  ValueId y, scores = ValueId::none;
  if (fused) {
    ops::Attention op;
    op.scale = a.scale;
    op.causal = own_causal;
    op.causal_offset = own_causal ? past : Dim(0);
    Values inputs = {q, k, v};
    if (mask != ValueId::none) inputs.push_back(mask);
    y = c(op, std::move(inputs));
  } else {
    const Scored made = spelled_out(c, a, q, k, v, mask);
    y = made.y, scores = made.scores;
  }
  if (flat && c.ok()) {
    const Shape s = c.type(y).shape;
    y = c.reshape(c.transpose(y, {0, 2, 1, 3}), {s[0], s[2], s[1] * s[3]});
  }
  return c.result({y, present[0], present[1], scores});
}

/// Scores and probabilities pass through graphs that the model gives.
Result<Values> convert_flex_attention(NodeReader& node, Builder& build) {
  Composition c(build);
  const ValueId q = node.input(0);
  for (size_t i = 0; i < 3; ++i)
    if (c.rank(node.input(i)) != 4)
      return invalid("input " + std::to_string(i) + " is " + c.type(node.input(i)).to_string() +
                     ", expected rank 4");
  const ValueId k = repeat_heads(c, node.input(1), c.dim(q, 1)),
                v = repeat_heads(c, node.input(2), c.dim(q, 1));
  const DType own = c.dtype(q);
  DType wide = own == DType::f64 ? DType::f64 : DType::f32;
  if (node.has("softmax_precision")) {
    const auto given = dtype_from_onnx(int(node.integer("softmax_precision", 1)));
    if (!given || !is_float(*given)) return invalid("attribute 'softmax_precision' is no float type");
    wide = *given;
  }
  const auto depth = c.dim(q, 3).as_int();
  if (!node.has("scale") && !depth) return unsupported("the head size is not known and no scale is given");
  const double scale = node.has("scale") ? double(node.real("scale", 1)) : 1 / std::sqrt(double(*depth));
  const ValueId root = c.number(own, std::sqrt(scale));
  ValueId scores = c(ops::Matmul{.transpose_b = true}, {c.mul(q, root), c.mul(k, root)});
  scores = c.cast(scores, wide);
  const auto through = [&](const char* name, ValueId x) -> Result<ValueId> {
    RK_CHECK(c.status());
    if (!node.has(name)) return x;
    const GraphProto* graph = node.graph(name);
    RK_CHECK(node.attribute_error());
    RK_TRY(const Values made, node.importer().inline_graph(node.scope(), node, *graph, {x}));
    if (made.size() != 1 || made[0] == ValueId::none || c.rank(made[0]) != 4)
      return invalid(std::string(name) + " makes no tensor of rank 4");
    return c.cast(made[0], wide);
  };
  RK_TRY(scores, through("score_mod", scores));
  ValueId weights = c(ops::Softmax{.axis = -1}, {scores});
  RK_TRY(weights, through("prob_mod", weights));
  return c.result({c.cast(c(ops::Matmul{}, {weights, c.cast(v, wide)}), own)});
}

}  // namespace rekindle::onnx
