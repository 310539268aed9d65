// Rows of floats on Vec: softmax, statistics, folds.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/isa/rows.h"

#include "backends/cpu/isa/vec_math.h"

namespace rekindle::cpu::RK_ISA {

namespace {

constexpr int64_t kWidth = Vec::width;

// ---- folds: how an element joins, how partial results join, and the value of none.
struct SumFold {
  static Vec none() { return Vec(0.0f); }
  static Vec take(Vec to, Vec x) { return to + x; }
  static Vec merge(Vec a, Vec b) { return a + b; }
};
struct SumAbsFold : SumFold {
  static Vec take(Vec to, Vec x) { return to + abs(x); }
};
struct SumSquareFold : SumFold {
  static Vec take(Vec to, Vec x) { return fma(x, x, to); }
};
struct MaxFold {
  static Vec none() { return Vec(-kInfinity); }
  static Vec take(Vec to, Vec x) { return max(to, x); }
  static Vec merge(Vec a, Vec b) { return max(a, b); }
};
struct MinFold {
  static Vec none() { return Vec(kInfinity); }
  static Vec take(Vec to, Vec x) { return min(to, x); }
  static Vec merge(Vec a, Vec b) { return min(a, b); }
};
struct ProdFold {
  static Vec none() { return Vec(1.0f); }
  static Vec take(Vec to, Vec x) { return to * x; }
  static Vec merge(Vec a, Vec b) { return a * b; }
};

/// The lanes of `total` folded; NaN in any lane counts, which the horizontal instructions do not promise.
template <class F> float across(Vec total) {
  alignas(64) float lanes[kWidth];
  total.store(lanes);
  Vec result(lanes[0]);
  for (int i = 1; i < kWidth; ++i) result = F::merge(result, Vec(lanes[i]));
  result.store(lanes);
  return lanes[0];
}

template <class F> float fold(const float* x, int64_t n) {
  // Four chains, so that additions overlap and sums of many lose less.
  Vec a = F::none(), b = a, c = a, d = a;
  int64_t i = 0;
  for (; i + 4 * kWidth <= n; i += 4 * kWidth) {
    a = F::take(a, Vec::load(x + i));
    b = F::take(b, Vec::load(x + i + kWidth));
    c = F::take(c, Vec::load(x + i + 2 * kWidth));
    d = F::take(d, Vec::load(x + i + 3 * kWidth));
  }
  a = F::merge(F::merge(a, b), F::merge(c, d));
  for (; i + kWidth <= n; i += kWidth) a = F::take(a, Vec::load(x + i));
  if (i < n) {  // lanes that do not exist keep what they have
    alignas(64) float before[kWidth], after[kWidth];
    a.store(before);
    F::take(a, Vec::load_part(x + i, int(n - i))).store(after);
    for (int64_t k = 0; k < n - i; ++k) before[k] = after[k];
    a = Vec::load(before);
  }
  return across<F>(a);
}
template <class F> void fold_into(float* to, const float* x, int64_t n) {
  int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) F::take(Vec::load(to + i), Vec::load(x + i)).store(to + i);
  if (i < n)
    F::take(Vec::load_part(to + i, int(n - i)), Vec::load_part(x + i, int(n - i)))
        .store_part(to + i, int(n - i));
}
template <class F> void merge_into(float* to, const float* x, int64_t n) {
  int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) F::merge(Vec::load(to + i), Vec::load(x + i)).store(to + i);
  if (i < n)
    F::merge(Vec::load_part(to + i, int(n - i)), Vec::load_part(x + i, int(n - i)))
        .store_part(to + i, int(n - i));
}

/// Stores f(x[i]) and returns the sum of what was stored.
template <class F> float map_sum(const float* x, float* y, int64_t n, F&& f) {
  Vec a(0.0f), b(0.0f);
  int64_t i = 0;
  for (; i + 2 * kWidth <= n; i += 2 * kWidth) {
    const Vec u = f(Vec::load(x + i)), v = f(Vec::load(x + i + kWidth));
    u.store(y + i);
    v.store(y + i + kWidth);
    a = a + u, b = b + v;
  }
  float total = 0;
  for (; i < n; i += kWidth) {
    const int count = int(n - i < kWidth ? n - i : kWidth);
    alignas(64) float lanes[kWidth];
    f(Vec::load_part(x + i, count)).store(lanes);
    for (int k = 0; k < count; ++k) y[i + k] = lanes[k], total += lanes[k];
  }
  return total + sum(a + b);
}
template <class F> void map(const float* x, float* y, int64_t n, F&& f) {
  int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) f(Vec::load(x + i)).store(y + i);
  if (i < n) f(Vec::load_part(x + i, int(n - i))).store_part(y + i, int(n - i));
}
/// The sum of f(x[i]).
template <class F> float sum_of(const float* x, int64_t n, F&& f) {
  Vec a(0.0f), b(0.0f), c(0.0f), d(0.0f);
  int64_t i = 0;
  for (; i + 4 * kWidth <= n; i += 4 * kWidth) {
    a = a + f(Vec::load(x + i));
    b = b + f(Vec::load(x + i + kWidth));
    c = c + f(Vec::load(x + i + 2 * kWidth));
    d = d + f(Vec::load(x + i + 3 * kWidth));
  }
  for (; i + kWidth <= n; i += kWidth) a = a + f(Vec::load(x + i));
  float total = 0;
  if (i < n) {
    alignas(64) float lanes[kWidth];
    f(Vec::load_part(x + i, int(n - i))).store(lanes);
    for (int64_t k = 0; k < n - i; ++k) total += lanes[k];
  }
  return total + sum((a + b) + (c + d));
}

void softmax(const float* x, float* y, int64_t n, bool logarithm) {
  const Vec largest(fold<MaxFold>(x, n));
  if (logarithm) {
    const float total = sum_of(x, n, [&](Vec v) { return exp(v - largest); });
    const Vec shift = log(Vec(total));
    map(x, y, n, [&](Vec v) { return v - largest - shift; });
  } else {
    const float total = map_sum(x, y, n, [&](Vec v) { return exp(v - largest); });
    const Vec factor(1.0f / total);
    map(y, y, n, [&](Vec v) { return v * factor; });
  }
}

void statistics(const float* x, int64_t n, float& mean, float& variance) {
  mean = sum_of(x, n, [](Vec v) { return v; }) / float(n);
  const Vec middle(mean);
  variance = sum_of(x, n, [&](Vec v) { return (v - middle) * (v - middle); }) / float(n);
}

void shift_scale(const float* x, float* y, int64_t n, float shift, float scale) {
  const Vec s(shift), f(scale);
  map(x, y, n, [&](Vec v) { return (v - s) * f; });
}

void add_scaled(float* y, const float* x, int64_t n, float w) {
  const Vec f(w);
  int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) fma(f, Vec::load(x + i), Vec::load(y + i)).store(y + i);
  if (i < n)
    fma(f, Vec::load_part(x + i, int(n - i)), Vec::load_part(y + i, int(n - i)))
        .store_part(y + i, int(n - i));
}

float scale_mask(float* s, int64_t n, float scale, const float* mask, int64_t mask_step) {
  const Vec f(scale);
  if (!mask) {
    map(s, s, n, [&](Vec v) { return v * f; });
  } else if (mask_step == 0) {
    const Vec added(*mask);
    map(s, s, n, [&](Vec v) { return v * f + added; });
  } else if (mask_step == 1) {
    int64_t i = 0;
    for (; i + kWidth <= n; i += kWidth) (Vec::load(s + i) * f + Vec::load(mask + i)).store(s + i);
    if (i < n)
      (Vec::load_part(s + i, int(n - i)) * f + Vec::load_part(mask + i, int(n - i)))
          .store_part(s + i, int(n - i));
  } else {
    for (int64_t i = 0; i < n; ++i) s[i] = s[i] * scale + mask[i * mask_step];
  }
  return fold<MaxFold>(s, n);
}

float exp_sum(float* s, int64_t n, float shift) {
  const Vec m(shift);
  return map_sum(s, s, n, [&](Vec v) { return exp(v - m); });
}

template <class F> void add_fold(LineKernels& k, Fold which) {
  k.fold[int(which)] = fold<F>;
  k.fold_into[int(which)] = fold_into<F>;
  k.merge_into[int(which)] = merge_into<F>;
}

LineKernels make() {
  LineKernels k{};
  k.softmax = softmax;
  k.statistics = statistics;
  k.shift_scale = shift_scale;
  k.add_scaled = add_scaled;
  k.scale_mask = scale_mask;
  k.exp_sum = exp_sum;
  add_fold<SumFold>(k, Fold::sum);
  add_fold<SumAbsFold>(k, Fold::sum_abs);
  add_fold<SumSquareFold>(k, Fold::sum_square);
  add_fold<MaxFold>(k, Fold::max);
  add_fold<MinFold>(k, Fold::min);
  add_fold<ProdFold>(k, Fold::prod);
  return k;
}

}  // namespace

const LineKernels& line_kernels() {
  static const LineKernels kernels = make();
  return kernels;
}

}  // namespace rekindle::cpu::RK_ISA
