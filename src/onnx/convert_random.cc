// Random numbers: RandomUniform and RandomNormal with their Like forms, Bernoulli, Multinomial; Dropout,
// which draws when it trains.
// SPDX-License-Identifier: Apache-2.0
#include <bit>

#include "base/hash.h"
#include "math/random.h"
#include "onnx/compose.h"

namespace rekindle::onnx {
namespace {

/// Without a seed the node's name is one: an engine draws the same in every run, and two nodes differ.
int64_t seed_of(NodeReader& node) {
  if (node.has("seed"))  // an integer in Dropout, a float elsewhere
    return node.op_type() == "Dropout" ? node.integer("seed", 0)
                                       : std::bit_cast<int32_t>(node.real("seed", 0));
  std::string name(node.proto().name);
  for (const std::string_view output : node.proto().outputs) name += "/" + std::string(output);
  return int64_t(hash64(std::as_bytes(std::span(name))) >> 1);
}

Result<DType> dtype_of_node(NodeReader& node, DType otherwise) {
  if (!node.has("dtype")) return otherwise;
  const int64_t number = node.integer("dtype", 1);
  const auto dtype = dtype_from_onnx(int(number));
  if (!dtype) return invalid("attribute 'dtype' is " + std::to_string(number) + ", which is no element type");
  return *dtype;
}

ValueId uniform(Composition& c, DType dtype, Shape shape, int64_t seed) {
  return c(ops::Random{.dtype = dtype, .shape = std::move(shape), .seed = seed}, {});
}

}  // namespace

Result<Values> convert_random(NodeReader& node, Builder& build) {
  ops::Random op;
  const bool like = node.op_type().ends_with("Like");
  if (node.op_type().starts_with("RandomNormal")) {
    op.distribution = ops::Distribution::normal;
    op.low = node.real("mean", 0);
    op.high = node.real("scale", 1);
  } else {
    op.low = node.real("low", 0);
    op.high = node.real("high", 1);
  }
  op.seed = seed_of(node);
  RK_TRY(op.dtype, dtype_of_node(node, like ? build.type(node.input(0)).dtype : DType::f32));
  if (like) {
    op.shape = build.type(node.input(0)).shape;
  } else {
    for (const int64_t d : node.integers("shape")) {
      if (d < 0) return invalid("attribute 'shape' holds " + std::to_string(d) + ", expected at least 0");
      op.shape.emplace_back(d);
    }
  }
  return build.finish(op, {});
}

Result<Values> convert_bernoulli(NodeReader& node, Builder& build) {
  const ValueId x = node.input(0);
  RK_TRY(const DType to, dtype_of_node(node, build.type(x).dtype));
  Composition c(build);
  const ValueId drawn = uniform(c, c.dtype(x), c.type(x).shape, seed_of(node));
  return c.result({c.cast(c(ops::Less{}, {drawn, x}), to)});
}

/// The largest of the log-probabilities, each with Gumbel noise on it, is a draw of their distribution.
Result<Values> convert_multinomial(NodeReader& node, Builder& build) {
  const ValueId x = node.input(0);
  const int64_t samples = node.integer("sample_size", 1);
  if (build.rank(x) != 2 || samples < 1)
    return invalid("the input is " + build.type(x).to_string() + " and sample_size " +
                   std::to_string(samples) + ", expected [batch, classes] and at least 1");
  RK_TRY(const DType to, dtype_of_node(node, DType::i32));
  Composition c(build);
  const Dim batch = c.dim(x, 0), classes = c.dim(x, 1);
  const ValueId drawn = uniform(c, DType::f64, {batch, samples, classes}, seed_of(node));
  const ValueId exponential = c(ops::Neg{}, {c(ops::Log{}, {c.sub(c.number(DType::f64, 1), drawn)})});
  const ValueId gumbel = c(ops::Neg{}, {c(ops::Log{}, {exponential})});
  const ValueId noisy = c.add(c.reshape(c.cast(x, DType::f64), {batch, 1, classes}), gumbel);
  return c.result(
      {c.cast(c(ops::ArgReduce{.op = ops::ArgReduceOp::max, .axis = 2, .keepdims = false}, {noisy}), to)});
}

/// Dropout while training: keeps an element with probability 1 - ratio and scales it by 1 / (1 - ratio).
Result<Values> convert_training_dropout(NodeReader& node, Builder& build) {
  Composition c(build);
  const ValueId x = node.input(0);
  ValueId training = node.input(2);
  const Shape shape = c.type(x).shape;
  const auto scalar = [&](ValueId v) { return c.rank(v) == 0 ? v : c.reshape(v, {}); };
  training = scalar(training);
  ValueId ratio = node.has_input(1) ? c.cast(scalar(node.input(1)), DType::f32) : c.number(DType::f32, 0.5);
  const ValueId one = c.number(DType::f32, 1), drawn = uniform(c, DType::f32, shape, seed_of(node));
  ValueId kept = c(ops::GreaterOrEqual{}, {drawn, ratio});
  const ValueId scale = c.cast(c.div(one, c.sub(one, ratio)), c.dtype(x));
  const ValueId dropped = c.where(kept, c.mul(x, scale), c.like(x, 0));
  kept = c(ops::Or{}, {kept, c(ops::Not{}, {training})});
  return c.result({c.where(training, dropped, x), kept});
}

}  // namespace rekindle::onnx
