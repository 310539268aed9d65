// Ops of language models: RotaryEmbedding, SwiGLU, TensorScatter, LinearAttention, CausalConvWithState.
// SPDX-License-Identifier: Apache-2.0
#include "math/conv.h"
#include "math/decoding.h"
#include "onnx/compose.h"

namespace rekindle::onnx {

Result<Values> convert_swiglu(NodeReader& node, Builder& build) {
  const float alpha = node.real("alpha", 1);
  Composition c(build);
  const ValueId gate = node.input(0);
  const ValueId swished = alpha == 1 ? c(ops::Silu{}, {gate})
                                     : c.mul(gate, c(ops::Sigmoid{}, {c.mul(gate, c.like(gate, alpha))}));
  return c.result({c.mul(swished, node.input(1))});
}

Result<Values> convert_tensor_scatter(NodeReader& node, Builder& build) {
  ops::CacheUpdate op{.axis = node.integer("axis", -2)};
  op.circular = node.choice("mode", {{"linear", false}, {"circular", true}}, false);
  return build.finish(op, node.inputs_up_to(3));
}

/// Pairs of features turned by an angle: (a, b) becomes (a cos - b sin, a sin + b cos).
Result<Values> rotary_embedding(Builder& build, ValueId x, ValueId cosines, ValueId sines, ValueId positions,
                                const Rotary& r) {
  Composition c(build);
  const Shape own = c.type(x).shape;
  const bool flat = own.size() == 3;  // [B, S, H*D]
  if (own.size() != 3 && own.size() != 4)
    return invalid("X is " + c.type(x).to_string() + ", expected rank 3 or 4");
  if (flat && (r.heads < 1 || (own[2].as_int() && *own[2].as_int() % r.heads != 0)))
    return invalid("attribute 'num_heads' is " + std::to_string(r.heads) + ", expected a divisor of " +
                   own[2].to_string());
  if (flat) x = c.reshape(x, {own[0], own[1], r.heads, floor_div(own[2], r.heads)});
  const Dim size = c.dim(x, -1), turned = r.dim > 0 ? Dim(r.dim) : size, half = floor_div(turned, 2);
  if (positions != ValueId::none) {
    if (c.rank(cosines) != 2 || c.rank(sines) != 2 || c.rank(positions) > 2)
      return invalid("the caches are " + c.type(cosines).to_string() + " and " + c.type(sines).to_string() +
                     ", expected rank 2 beside position_ids");
    if (c.rank(positions) < 2) positions = c.expand(positions, {own[0], flat ? own[1] : own[2]});
    cosines = c.gather(cosines, positions);
    sines = c.gather(sines, positions);
  }
  const auto spread = [&](ValueId v) {  // over the heads
    const Shape s = c.type(v).shape;
    if (s.size() != 3) return c.fail(invalid("a cache is " + c.type(v).to_string() + ", expected rank 3")), v;
    return c.reshape(v, flat ? Shape{s[0], s[1], 1, s[2]} : Shape{s[0], 1, s[1], s[2]});
  };
  cosines = spread(cosines), sines = spread(sines);
  const ValueId rotated = turned == size ? x : c.slice(x, 3, 0, turned);
  ValueId a, b;
  Shape pairs = c.type(rotated).shape;
  if (r.interleaved) {
    const Shape whole = pairs;
    pairs.back() = half;
    Shape split = pairs;
    split.emplace_back(2);
    const ValueId apart = c.reshape(rotated, split);
    a = c.reshape(c.slice(apart, 4, 0, 1), pairs);
    b = c.reshape(c.slice(apart, 4, 1, 2), pairs);
  } else {
    a = c.slice(rotated, 3, 0, half);
    b = c.slice(rotated, 3, half, turned);
  }
  ValueId real = c.sub(c.mul(cosines, a), c.mul(sines, b)),
          imaginary = c.add(c.mul(sines, a), c.mul(cosines, b));
  ValueId y;
  if (r.interleaved) {
    Shape column = pairs, whole = pairs;
    column.emplace_back(1);
    whole.back() = turned;
    y = c.reshape(c.concat({c.reshape(real, column), c.reshape(imaginary, column)}, 4), whole);
  } else {
    y = c.concat({real, imaginary}, 3);
  }
  if (turned != size) y = c.concat({y, c.slice(x, 3, turned, size)}, 3);
  if (flat) y = c.reshape(y, own);
  return c.result({y});
}

Result<Values> convert_rotary_embedding(NodeReader& node, Builder& build) {
  const Rotary r{node.integer("num_heads", 0), node.integer("rotary_embedding_dim", 0),
                 node.flag("interleaved", false)};
  return rotary_embedding(build, node.input(0), node.input(1), node.input(2), node.input(3), r);
}

Result<Values> convert_linear_attention(NodeReader& node, Builder& build) {
  using enum ops::StateRule;
  ops::LinearAttention op;
  op.query_heads = node.integer("q_num_heads", 0);
  op.heads = node.integer("kv_num_heads", 0);
  op.scale = node.real("scale", 0);
  op.rule = node.choice(
      "update_rule", {{"linear", linear}, {"gated", gated}, {"delta", delta}, {"gated_delta", gated_delta}},
      gated_delta);
  node.ignore("chunk_size");  // a hint
  return build.finish(op, node.inputs_up_to(6));
}

Result<Values> convert_causal_conv_with_state(NodeReader& node, Builder& build) {
  const bool silu = node.choice("activation", {{"none", false}, {"silu", true}, {"swish", true}}, false);
  Composition c(build);
  const ValueId x = node.input(0), w = node.input(1);
  const auto channels = c.dim(x, 1).as_int() ? c.dim(x, 1).as_int() : c.dim(w, 0).as_int();
  if (c.rank(x) != 3 || c.rank(w) != 3 || !channels)
    return invalid("the input is " + c.type(x).to_string() + " and the weight " + c.type(w).to_string() +
                   ", expected [N, C, L] and [C, 1, k] with a known C");
  const Dim kept = c.dim(w, 2) - Dim(1);
  ValueId past = node.input(3);
  if (past == ValueId::none) past = c.expand(c.like(x, 0), {c.dim(x, 0), *channels, kept});
  const ValueId whole = c.concat({past, x}, 2);
  Values inputs = {whole, w};
  if (node.has_input(2)) inputs.push_back(node.input(2));
  ValueId y = c(ops::Conv{.group = *channels}, inputs);
  if (silu) y = c(ops::Silu{}, {y});
  return c.result({y, c.slice(whole, 2, c.dim(x, 2), c.dim(x, 2) + kept)});
}

}  // namespace rekindle::onnx
