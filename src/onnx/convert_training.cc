// Training: batch normalization that gathers statistics, and the optimizers of ai.onnx.preview.training.
// SPDX-License-Identifier: Apache-2.0
#include "onnx/compose.h"

namespace rekindle::onnx {

/// y, running mean, running variance, then (before opset 14) the batch's own.
Result<Values> convert_training_batch_norm(NodeReader& node, Builder& build, float epsilon, float momentum) {
  Composition c(build);
  const ValueId x = node.input(0);
  if (c.rank(x) < 2) return invalid("the input is " + c.type(x).to_string() + ", expected rank 2 or more");
  std::vector<int64_t> axes = {0};
  Shape per_channel(size_t(c.rank(x)), Dim(1));
  per_channel[1] = c.dim(x, 1);
  for (int64_t i = 2; i < c.rank(x); ++i) axes.push_back(i);
  // statistics in f32 at least
  const DType own = c.dtype(x), wide = own == DType::f64 ? DType::f64 : DType::f32;
  const ValueId wide_x = c.cast(x, wide);
  const ValueId mean = c.reduce(ops::ReduceOp::mean, wide_x, axes, true);
  const ValueId centred = c.sub(wide_x, mean);
  const ValueId variance = c.reduce(ops::ReduceOp::mean, c(ops::Square{}, {centred}), axes, true);
  const ValueId deviation = c(ops::Sqrt{}, {c.add(variance, c.number(wide, epsilon))});
  const auto channels = [&](ValueId v) { return c.cast(c.reshape(v, per_channel), wide); };
  ValueId y = c.div(centred, deviation);
  const ValueId scale = channels(node.input(1));
  y = c.mul(y, scale);
  const ValueId bias = channels(node.input(2));
  y = c.cast(c.add(y, bias), own);
  const auto running = [&](ValueId old, ValueId now) {
    const ValueId batch = c.reshape(now, {c.dim(x, 1)});
    const ValueId kept_part = c.number(wide, momentum), new_part = c.number(wide, 1 - double(momentum));
    const ValueId wide_old = c.cast(old, wide);
    const ValueId kept = c.mul(wide_old, kept_part);
    const ValueId added = c.mul(batch, new_part);
    return c.cast(c.add(kept, added), c.dtype(old));
  };
  const auto saved = [&](ValueId v) { return c.cast(c.reshape(v, {c.dim(x, 1)}), c.dtype(node.input(3))); };
  return c.result(
      {y, running(node.input(3), mean), running(node.input(4), variance), saved(mean), saved(variance)});
}

namespace {

/// Inputs are R, T, then `kinds` lists of as many tensors; outputs are lists in the same order.
template <class F>
Result<Values> for_each_tensor(NodeReader& node, Composition& c, size_t kinds, F&& update) {
  const size_t given = node.inputs().size();
  if (given < 2 + kinds || (given - 2) % kinds != 0)
    return invalid("there are " + std::to_string(given) + " inputs, expected 2 and a multiple of " +
                   std::to_string(kinds));
  const size_t count = (given - 2) / kinds;
  Values outputs((kinds - 1) * count, ValueId::none);
  for (size_t i = 0; i < count; ++i) {
    Values in;
    for (size_t k = 0; k < kinds; ++k) in.push_back(node.input(2 + k * count + i));
    const Values made = update(in);
    for (size_t k = 0; k < made.size(); ++k) outputs[k * count + i] = made[k];
  }
  return c.result(outputs);
}

/// Arithmetic of one tensor's type with numbers that stand in attributes and scalars.
struct Arithmetic {
  Composition& c;
  ValueId like;
  ValueId times(double a, ValueId v) { return a == 1 ? v : c.mul(c.like(like, a), v); }
  ValueId plus(double a, ValueId v) { return a == 0 ? v : c.add(v, c.like(like, a)); }
  /// norm_coefficient * x + g
  ValueId regularized(double norm, ValueId x, ValueId g) { return norm == 0 ? g : c.add(times(norm, x), g); }
};

ValueId scalar_as(Composition& c, ValueId v, DType t) {
  return c.cast(c.rank(v) == 0 ? v : c.reshape(v, {}), t);
}
ValueId is_positive(Composition& c, ValueId t) {
  const ValueId flat = c.rank(t) == 0 ? t : c.reshape(t, {});
  return c(ops::Greater{}, {flat, c.like(t, 0)});
}

}  // namespace

Result<Values> convert_adagrad(NodeReader& node, Builder& build) {
  Composition c(build);
  const float decay = node.real("decay_factor", 0), epsilon = node.real("epsilon", 0),
              norm = node.real("norm_coefficient", 0);
  return for_each_tensor(node, c, 3, [&](const Values& in) {
    const ValueId x = in[0];
    Arithmetic a{c, x};
    const ValueId steps = scalar_as(c, node.input(1), c.dtype(x));
    const ValueId rate = c.div(scalar_as(c, node.input(0), c.dtype(x)), a.plus(1, a.times(decay, steps)));
    const ValueId g = a.regularized(norm, x, in[1]);
    const ValueId h = c.add(in[2], c.mul(g, g));
    const ValueId root = a.plus(epsilon, c(ops::Sqrt{}, {h}));
    return Values{c.sub(x, c.div(c.mul(rate, g), root)), h};
  });
}

Result<Values> convert_adam(NodeReader& node, Builder& build) {
  Composition c(build);
  const float alpha = node.real("alpha", 0.9f), beta = node.real("beta", 0.999f),
              epsilon = node.real("epsilon", 0), norm = node.real("norm_coefficient", 0),
              post = node.real("norm_coefficient_post", 0);
  return for_each_tensor(node, c, 4, [&](const Values& in) {
    const ValueId x = in[0];
    Arithmetic a{c, x};
    const DType t = c.dtype(x);
    const ValueId g = a.regularized(norm, x, in[1]);
    const ValueId v = c.add(a.times(alpha, in[2]), a.times(1 - double(alpha), g));
    const ValueId h = c.add(a.times(beta, in[3]), a.times(1 - double(beta), c.mul(g, g)));
    const ValueId root = a.plus(epsilon, c(ops::Sqrt{}, {h}));
    // both momentums start at 0: the first steps make up for it
    const ValueId steps = scalar_as(c, node.input(1), t), rate = scalar_as(c, node.input(0), t);
    const auto left = [&](float base) {
      return c.sub(c.like(x, 1), c(ops::Pow{}, {c.like(x, base), steps}));
    };
    const ValueId corrected = c.div(c.mul(rate, c(ops::Sqrt{}, {left(beta)})), left(alpha));
    const ValueId adjusted = c.where(is_positive(c, node.input(1)), corrected, rate);
    return Values{a.times(1 - double(post), c.sub(x, c.mul(adjusted, c.div(v, root)))), v, h};
  });
}

Result<Values> convert_momentum(NodeReader& node, Builder& build) {
  Composition c(build);
  const float alpha = node.real("alpha", 0), beta = node.real("beta", 0),
              norm = node.real("norm_coefficient", 0);
  const bool nesterov = node.choice("mode", {{"standard", false}, {"nesterov", true}}, false);
  return for_each_tensor(node, c, 3, [&](const Values& in) {
    const ValueId x = in[0];
    Arithmetic a{c, x};
    const ValueId rate = scalar_as(c, node.input(0), c.dtype(x));
    const ValueId g = a.regularized(norm, x, in[1]);
    const ValueId weight = c.where(is_positive(c, node.input(1)), c.like(x, beta), c.like(x, 1));
    const ValueId v = c.add(a.times(alpha, in[2]), c.mul(weight, g));
    const ValueId step = nesterov ? c.add(g, a.times(alpha, v)) : v;
    return Values{c.sub(x, c.mul(rate, step)), v};
  });
}

}  // namespace rekindle::onnx
