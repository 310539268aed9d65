// The cells of rnn, gru and lstm: what one step does with the sums of its gates. Equations as in the ONNX
// operators.
// SPDX-License-Identifier: Apache-2.0
#include "math/rnn.h"

#include <algorithm>

#include "math/recurrent.h"

namespace rekindle::ops {

namespace {

/// `clip` bounds the sums that gates see; 0 means no bound.
double bounded(double x, float clip) { return clip > 0 ? std::clamp(x, -double(clip), double(clip)) : x; }

template <class Op>
Result<RecurrentLayer> layer_of(const Op& op, int64_t gates, int64_t states, bool has_peepholes,
                                const std::vector<std::string>& usual) {
  RecurrentLayer layer{Op::name,  gates,   states, has_peepholes, op.hidden_size, op.direction,
                       op.layout, op.clip, {}};
  RK_TRY(layer.activations, rnn_activations(Op::name, op.activations, op.activation_alpha, op.activation_beta,
                                            usual, layer.directions()));
  return layer;
}
Result<RecurrentLayer> layer_of(const Rnn& op) { return layer_of(op, 1, 1, false, {"Tanh"}); }
Result<RecurrentLayer> layer_of(const Gru& op) { return layer_of(op, 3, 1, false, {"Sigmoid", "Tanh"}); }
Result<RecurrentLayer> layer_of(const Lstm& op) {
  return layer_of(op, 4, 2, true, {"Sigmoid", "Tanh", "Tanh"});
}

/// sums += r h + rb for some gates.
void add_state(const RecurrentStep& s, const double* h, int64_t first, int64_t last) {
  s.weights.add_recurrent(h, first, last, s.sums);
  for (int64_t j = first * s.weights.hidden; j < last * s.weights.hidden; ++j)
    s.sums[j] += s.weights.rb[size_t(j)];
}

void step_rnn(const RecurrentStep& s, float clip) {
  add_state(s, s.h, 0, 1);
  for (int64_t j = 0; j < s.weights.hidden; ++j) s.h[j] = s.activations[0](bounded(s.sums[j], clip));
}

void step_gru(const RecurrentStep& s, float clip, bool linear_before_reset) {
  const RnnActivation &f = s.activations[0], &g = s.activations[1];
  const int64_t n = s.weights.hidden;
  double *z = s.sums, *r = s.sums + n, *candidate = s.sums + 2 * n;
  add_state(s, s.h, 0, 2);
  for (int64_t j = 0; j < 2 * n; ++j) s.sums[j] = f(bounded(s.sums[j], clip));
  if (linear_before_reset) {
    std::vector<double> product(size_t(3 * n));
    s.weights.add_recurrent(s.h, 2, 3, product.data());
    for (int64_t j = 0; j < n; ++j)
      candidate[j] += r[j] * (product[size_t(2 * n + j)] + s.weights.rb[size_t(2 * n + j)]);
  } else {
    std::vector<double> reset(static_cast<size_t>(n));
    for (int64_t j = 0; j < n; ++j) reset[size_t(j)] = r[j] * s.h[j];
    add_state(s, reset.data(), 2, 3);
  }
  for (int64_t j = 0; j < n; ++j) s.h[j] = (1 - z[j]) * g(bounded(candidate[j], clip)) + z[j] * s.h[j];
}

void step_lstm(const RecurrentStep& s, float clip, bool input_forget) {
  const RnnActivation &f = s.activations[0], &g = s.activations[1], &h = s.activations[2];
  const int64_t n = s.weights.hidden;
  const double *i = s.sums, *o = s.sums + n, *forget = s.sums + 2 * n, *c = s.sums + 3 * n;
  const double* p = s.weights.p.empty() ? nullptr : s.weights.p.data();
  add_state(s, s.h, 0, 4);
  for (int64_t j = 0; j < n; ++j) {
    const double before = s.c[j];
    const double in_gate = f(bounded(i[j] + (p ? p[j] * before : 0), clip));
    const double forget_gate =
        input_forget ? 1 - in_gate : f(bounded(forget[j] + (p ? p[2 * n + j] * before : 0), clip));
    const double now = forget_gate * before + in_gate * g(bounded(c[j], clip));
    const double out_gate = f(bounded(o[j] + (p ? p[n + j] * now : 0), clip));
    s.c[j] = now;
    s.h[j] = out_gate * h(now);  // not clipped: the bound is on sums of products, as in onnxruntime
  }
}

}  // namespace

Result<Types> Rnn::infer(std::span<const TensorType> in) const {
  RK_TRY(const RecurrentLayer layer, layer_of(*this));
  return infer_recurrent(layer, in);
}
Result<Tensors> Rnn::evaluate(std::span<const Tensor> in) const {
  RK_TRY(const RecurrentLayer layer, layer_of(*this));
  return run_recurrent(
      layer, [&](const RecurrentStep& s) { step_rnn(s, clip); }, in);
}

Result<Types> Gru::infer(std::span<const TensorType> in) const {
  RK_TRY(const RecurrentLayer layer, layer_of(*this));
  return infer_recurrent(layer, in);
}
Result<Tensors> Gru::evaluate(std::span<const Tensor> in) const {
  RK_TRY(const RecurrentLayer layer, layer_of(*this));
  return run_recurrent(
      layer, [&](const RecurrentStep& s) { step_gru(s, clip, linear_before_reset); }, in);
}

Result<Types> Lstm::infer(std::span<const TensorType> in) const {
  RK_TRY(const RecurrentLayer layer, layer_of(*this));
  return infer_recurrent(layer, in);
}
Result<Tensors> Lstm::evaluate(std::span<const Tensor> in) const {
  RK_TRY(const RecurrentLayer layer, layer_of(*this));
  return run_recurrent(
      layer, [&](const RecurrentStep& s) { step_lstm(s, clip, input_forget); }, in);
}

}  // namespace rekindle::ops
