// grid_sample: taps and weights of a position are worked out once and used for every channel.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>

#include "base/parallel.h"
#include "math/compute_type.h"
#include "math/sampling.h"

namespace rekindle::ops {

namespace {

constexpr int kMostAxes = 3;
constexpr int kMostTaps = 4;  // along one axis

/// Mirrored at both ends until it is between them.
template <class F> F reflected(F x, F low, F high) {
  const F range = high - low;
  if (range <= 0) return low;
  const F beyond = x < low ? low - x : x > high ? x - high : F(0);
  if (beyond == 0) return x;
  const F turns = std::trunc(beyond / range), rest = beyond - turns * range;
  const bool even = std::fmod(turns, F(2)) == 0;
  return (x < low) == even ? low + rest : high - rest;
}

/// The taps of one axis: their index, or -1 where nothing is read, and weight.
template <class F> struct Taps {
  int count = 1;
  std::array<int64_t, kMostTaps> index{};
  std::array<F, kMostTaps> weight{};
};

template <class F> struct Axis {
  const GridSample& op;
  int64_t size;
  F low, high;
  Axis(const GridSample& o, int64_t n)
      : op(o),
        size(n),
        low(o.align_corners ? F(0) : F(-0.5)),
        high(o.align_corners ? F(n - 1) : F(n) - F(0.5)) {}

  int64_t inside(int64_t i) const {
    if (i >= 0 && i < size) return i;
    if (op.padding == SamplePadding::zeros) return -1;
    if (op.padding == SamplePadding::border) return std::clamp<int64_t>(i, 0, size - 1);
    return std::clamp<int64_t>(int64_t(reflected(F(i), low, high)), 0, size - 1);
  }

  Taps<F> taps(F normal) const {
    F x = op.align_corners ? (normal + 1) / F(2) * F(size - 1) : ((normal + 1) * F(size) - 1) / F(2);
    if (op.mode == SampleMode::nearest) x = std::nearbyint(x);
    if (x < low || x > high) {
      if (op.padding == SamplePadding::border) x = std::clamp(x, F(0), F(size - 1));
      if (op.padding == SamplePadding::reflection) x = reflected(x, low, high);
    }
    Taps<F> t;
    const bool readable = x > F(-1e9) && x < F(1e9);  // NaN and far outside: nothing is there
    const F floor = readable ? std::floor(x) : F(0), part = readable ? x - floor : F(0);
    const int64_t first = int64_t(floor);
    const auto put = [&](int k, int64_t i, F weight) {
      t.index[size_t(k)] = readable ? inside(i) : -1;
      t.weight[size_t(k)] = weight;
    };
    switch (op.mode) {
      case SampleMode::nearest:
        put(0, readable ? int64_t(x) : 0, F(1));
        break;
      case SampleMode::linear:
        t.count = 2;
        put(0, first, 1 - part);
        put(1, first + 1, part);
        break;
      case SampleMode::cubic: {
        constexpr F a = F(-0.75);  // Keys' kernel
        const auto far = [&](F d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
        const auto near = [&](F d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
        t.count = 4;
        put(0, first - 1, far(part + 1));
        put(1, first, near(part));
        put(2, first + 1, near(1 - part));
        put(3, first + 2, far(2 - part));
        break;
      }
    }
    return t;
  }
};

struct Sizes {
  int axes;
  int64_t channels, points;
  std::array<int64_t, kMostAxes> dims{1, 1, 1}, strides{0, 0, 0};
  int64_t plane = 1;
};

/// The readable taps of one position as offsets into a plane with their products of weights.
template <class F> struct Point {
  int count = 0;
  std::array<int64_t, kMostTaps * kMostTaps * kMostTaps>
      offset;                                               // the first `count` are set: clearing all of
  std::array<F, kMostTaps * kMostTaps * kMostTaps> weight;  // them for each point would be most of the work
};
template <class F, class G> Point<F> point_at(const GridSample& op, const Sizes& s, const G* position) {
  std::array<Taps<F>, kMostAxes> taps;
  for (int a = 0; a < s.axes; ++a)
    taps[size_t(a)] = Axis<F>(op, s.dims[size_t(a)]).taps(F(position[s.axes - 1 - a]));
  Point<F> p;
  const int second = s.axes > 1 ? taps[1].count : 1, third = s.axes > 2 ? taps[2].count : 1;
  for (int i = 0; i < taps[0].count; ++i)
    for (int j = 0; j < second; ++j)
      for (int k = 0; k < third; ++k) {
        if (taps[0].index[size_t(i)] < 0 || (s.axes > 1 && taps[1].index[size_t(j)] < 0) ||
            (s.axes > 2 && taps[2].index[size_t(k)] < 0))
          continue;
        int64_t at = taps[0].index[size_t(i)] * s.strides[0];
        F weight = taps[0].weight[size_t(i)];
        if (s.axes > 1) at += taps[1].index[size_t(j)] * s.strides[1], weight *= taps[1].weight[size_t(j)];
        if (s.axes > 2) at += taps[2].index[size_t(k)] * s.strides[2], weight *= taps[2].weight[size_t(k)];
        p.offset[size_t(p.count)] = at;
        p.weight[size_t(p.count++)] = weight;
      }
  return p;
}

template <class C, class G>
void sample(const GridSample& op, const Sizes& s, const C* x, const G* grid, C* y, int64_t begin,
            int64_t end) {
  using F = std::conditional_t<std::is_same_v<G, double> || std::is_same_v<C, double>, double, float>;
  for (int64_t p = begin; p < end; ++p) {
    const int64_t n = p / s.points, at = p % s.points;
    const Point<F> point = point_at<F>(op, s, grid + p * s.axes);
    const C* from = x + n * s.channels * s.plane;
    C* to = y + n * s.channels * s.points + at;
    if (point.count == 4) {  // what most points of pictures have
      const int64_t o0 = point.offset[0], o1 = point.offset[1], o2 = point.offset[2], o3 = point.offset[3];
      const F w0 = point.weight[0], w1 = point.weight[1], w2 = point.weight[2], w3 = point.weight[3];
      for (int64_t c = 0; c < s.channels; ++c, from += s.plane, to += s.points)
        *to = C(w0 * F(from[o0]) + w1 * F(from[o1]) + w2 * F(from[o2]) + w3 * F(from[o3]));
      continue;
    }
    for (int64_t c = 0; c < s.channels; ++c, from += s.plane, to += s.points) {
      F sum = 0;
      for (int t = 0; t < point.count; ++t) sum += point.weight[size_t(t)] * F(from[point.offset[size_t(t)]]);
      *to = C(sum);
    }
  }
}

}  // namespace

Result<Types> GridSample::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 2, 2));
  RK_CHECK(check_present(name, in, 2));
  RK_CHECK(check_dtype(name, in[0], Domain::numeric));
  RK_CHECK(check_dtype(name, in[1], Domain::floating));
  const int axes = in[0].rank() - 2;
  if (axes < 1 || axes > kMostAxes || in[1].rank() != in[0].rank())
    return op_error(name, "x is " + in[0].to_string() + " and the grid " + in[1].to_string() +
                              ", expected one rank, 3 to 5");
  RK_CHECK(check_equal_dims(name, "the last dim of the grid", in[1].shape.back(), axes));
  RK_CHECK(check_equal_dims(name, "the batch of the grid", in[1].shape[0], in[0].shape[0]));
  TensorType out{in[0].dtype, {known_dim(in[0].shape[0], in[1].shape[0]), in[0].shape[1]}};
  out.shape.insert(out.shape.end(), in[1].shape.begin() + 1, in[1].shape.end() - 1);
  return Types{std::move(out)};
}

Result<Tensors> GridSample::evaluate(std::span<const Tensor> in) const {
  RK_TRY(const Types types, infer_tensors(*this, in));
  RK_TRY(const Tensor x, widen(in[0]));
  RK_TRY(const Tensor grid, widen(in[1]));
  RK_TRY(Tensor y, make_computed(name, types[0]));
  Sizes s{x.rank() - 2, x.dims()[1], 1};
  for (int a = s.axes - 1; a >= 0; --a) {
    s.dims[size_t(a)] = x.dims()[size_t(a) + 2];
    s.strides[size_t(a)] = s.plane;
    s.plane *= s.dims[size_t(a)];
    s.points *= y.dims()[size_t(a) + 2];
  }
  if (y.count() == 0 || s.plane == 0) return narrow_to(y, in[0].dtype());
  visit_compute_type(x.dtype(), [&](auto zero) {
    using C = decltype(zero);
    visit_float_type(grid.dtype(), [&](auto g) {
      using G = decltype(g);
      parallel_for(y.dims()[0] * s.points, grain_of(s.channels * 16 + 100), [&](int64_t begin, int64_t end) {
        sample(*this, s, x.template data<C>(), grid.template data<G>(), y.template data<C>(), begin, end);
      });
    });
  });
  return narrow_to(y, in[0].dtype());
}

}  // namespace rekindle::ops
