// Recurrent cells on Vec: gates, activations and new states of one sequence in one pass.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/isa/recurrent.h"

#include "backends/cpu/isa/vec_math.h"

namespace rekindle::cpu::RK_ISA {

namespace {

Vec sigmoid(Vec x) { return Vec(1.0f) / (Vec(1.0f) + exp(-x)); }

/// Formulas as in math/rnn_activation.cc.
Vec rare_activation(const GateActivation& a, Vec x) {
  const Vec zero(0.0f), alpha(a.alpha), beta(a.beta);
  switch (a.function) {
    case GateFunction::relu:
      return select(x > zero, x, select(isnan(x), x, zero));
    case GateFunction::affine:
      return alpha * x + beta;
    case GateFunction::leaky_relu:
      return select(x < zero, alpha * x, x);
    case GateFunction::thresholded_relu:
      return select(x >= alpha, x, zero);
    case GateFunction::scaled_tanh:
      return alpha * tanh(beta * x);
    case GateFunction::hard_sigmoid:
      return at_most(at_least(alpha * x + beta, zero), Vec(1.0f));
    case GateFunction::elu:
      return select(x < zero, alpha * expm1(x), x);
    case GateFunction::softsign:
      return x / (Vec(1.0f) + abs(x));
    case GateFunction::softplus:
      return max(x, zero) + log1p(exp(-abs(x)));
    default:
      return x;
  }
}
/// The two that nearly every model has are not behind a call.
inline Vec activate(const GateActivation& a, Vec x) {
  if (a.function == GateFunction::sigmoid) return sigmoid(x);
  if (a.function == GateFunction::tanh) return tanh(x);
  return rare_activation(a, x);
}

/// Calls body(first lane, lanes) for the vectors of a row.
template <class F> void for_each_vector(int64_t hidden, F&& body) {
  for (int64_t j = 0; j < hidden; j += Vec::width)
    body(j, hidden - j < Vec::width ? hidden - j : int64_t(Vec::width));
}

struct Bound {
  Vec low, high;
  explicit Bound(float clip) : low(-clip), high(clip) {}
  Vec operator()(Vec x) const { return at_most(at_least(x, low), high); }
};

void put(const CellJob& job, int64_t j, int64_t n, Vec h) {
  store(h, job.state + j, n);
  if (job.y) store(h, job.y + j, n);
}

void rnn(const CellJob& job) {
  const Bound bounded(job.clip);
  for_each_vector(job.hidden, [&](int64_t j, int64_t n) {
    put(job, j, n, activate(job.f, bounded(load(job.sums + j, n))));
  });
}

void lstm(const CellJob& job) {
  const Bound bounded(job.clip);
  const float *in = job.sums, *out = in + job.hidden, *forget = out + job.hidden,
              *candidate = forget + job.hidden;
  const float* p = job.peepholes;
  for_each_vector(job.hidden, [&](int64_t j, int64_t n) {
    const Vec before = load(job.cell + j, n);
    Vec i = load(in + j, n), o = load(out + j, n), f = load(forget + j, n);
    if (p) i = fma(load(p + j, n), before, i), f = fma(load(p + 2 * job.hidden + j, n), before, f);
    i = activate(job.f, bounded(i));
    f = job.input_forget ? Vec(1.0f) - i : activate(job.f, bounded(f));
    const Vec now = fma(f, before, i * activate(job.g, bounded(load(candidate + j, n))));
    if (p) o = fma(load(p + job.hidden + j, n), now, o);
    o = activate(job.f, bounded(o));
    store(now, job.cell + j, n);
    put(job, j, n, o * activate(job.h, now));
  });
}

void gru_reset(const CellJob& job) {
  const Bound bounded(job.clip);
  for_each_vector(job.hidden, [&](int64_t j, int64_t n) {
    const Vec r = activate(job.f, bounded(load(job.sums + job.hidden + j, n)));
    store(r * load(job.state + j, n), job.reset + j, n);
  });
}

void gru(const CellJob& job) {
  const Bound bounded(job.clip);
  for_each_vector(job.hidden, [&](int64_t j, int64_t n) {
    const Vec z = activate(job.f, bounded(load(job.sums + j, n)));
    Vec candidate = load(job.candidate + j, n);
    if (job.product) {
      const Vec r = activate(job.f, bounded(load(job.sums + job.hidden + j, n)));
      candidate = fma(r, load(job.product + j, n), candidate);
    }
    candidate = activate(job.g, bounded(candidate));
    put(job, j, n, fma(z, load(job.state + j, n), (Vec(1.0f) - z) * candidate));
  });
}

}  // namespace

const CellKernels& cell_kernels() {
  static const CellKernels kernels{rnn, lstm, gru_reset, gru};
  return kernels;
}

}  // namespace rekindle::cpu::RK_ISA
