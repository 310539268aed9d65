// The references of pools: line by line of the output, adding up what each tap of the kernel sees.
// SPDX-License-Identifier: Apache-2.0
#include "math/pool.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/parallel.h"
#include "math/compute_type.h"
#include "math/conv_checks.h"

namespace rekindle::ops {

namespace {

/// The window of a pool over x; empty lists filled, pads smaller than the kernel.
template <class Op> Result<Window> window_of(const Op& op, const TensorType& x) {
  RK_CHECK(check_spatial_rank(Op::name, x));
  const size_t rank = size_t(x.rank()) - 2;
  if (op.kernel.size() != rank)
    return op_error(Op::name, "the kernel has " + std::to_string(op.kernel.size()) + " sizes, expected " +
                                  std::to_string(rank));
  RK_TRY(Window window, make_window({Op::name, op.strides, op.dilations, op.pads, op.auto_pad, op.ceil_mode},
                                    to_shape(op.kernel)));
  for (size_t i = 0; i < rank; ++i) {
    const int64_t extent = window.extent(i).as_int().value_or(0),
                  most = std::max(window.begin[i], window.end[i]);
    if (most >= extent)
      return op_error(Op::name, "spatial axis " + std::to_string(i) + " is padded by " +
                                    std::to_string(most) + ", expected less than the " +
                                    std::to_string(extent) + " elements the kernel spans");
  }
  return window;
}

template <class Op>
Result<TensorType> infer_pool(const Op& op, std::span<const TensorType> in, Domain domain) {
  RK_CHECK(check_arity(Op::name, in.size(), 1, 1));
  RK_CHECK(check_present(Op::name, in, 1));
  RK_CHECK(check_dtype(Op::name, in[0], domain));
  RK_TRY(const Window window, window_of(op, in[0]));
  const Shape spatial = spatial_dims(in[0], op.layout);
  Shape out{in[0].shape[0], in[0].shape[size_t(channel_axis(op.layout, in[0].rank()))]};
  for (size_t i = 0; i < window.rank(); ++i) {
    RK_TRY(Dim size, window.output_size(i, spatial[i]));
    out.push_back(size);
  }
  return TensorType{in[0].dtype, with_layout(op.layout, out)};
}

/// Calls visit(from, first, last) for each tap that output line (z, y) sees: output o, first <= o < last,
/// sees element from + o*stride of the plane.
template <class F> void for_each_tap(const Sweep& s, int64_t z, int64_t y, F&& visit) {
  const Span1 depth = inside(s.kernel[0], s.in[0], s.dilation[0], z * s.stride[0] - s.begin[0]);
  const Span1 height = inside(s.kernel[1], s.in[1], s.dilation[1], y * s.stride[1] - s.begin[1]);
  for (int64_t kz = depth.first; kz < depth.last; ++kz)
    for (int64_t ky = height.first; ky < height.last; ++ky) {
      const int64_t iz = z * s.stride[0] + kz * s.dilation[0] - s.begin[0];
      const int64_t line = (iz * s.in[1] + y * s.stride[1] + ky * s.dilation[1] - s.begin[1]) * s.in[2];
      if (s.kernel[2] <= s.in[2]) {
        for (int64_t kx = 0; kx < s.kernel[2]; ++kx) {
          const int64_t offset = kx * s.dilation[2] - s.begin[2];
          const Span1 span = inside(s.out[2], s.in[2], s.stride[2], offset);
          visit(line + offset, span.first, span.last);
        }
      } else {  // most taps of a kernel larger than the input see nothing: only those that do
        for (int64_t o = 0; o < s.out[2]; ++o) {
          const Span1 taps = inside(s.kernel[2], s.in[2], s.dilation[2], o * s.stride[2] - s.begin[2]);
          for (int64_t kx = taps.first; kx < taps.last; ++kx)
            visit(line + kx * s.dilation[2] - s.begin[2], o, o + 1);
        }
      }
    }
}

/// Calls visit(plane, z, y, out) for every line of the output; out is the position of its first element.
template <class F> void for_each_line_of(const Sweep& s, int64_t planes, F&& visit) {
  const int64_t lines = s.out[0] * s.out[1];
  parallel_for(planes, grain_of(s.out_count() * (1 + std::min(s.taps(), s.in_count()))),
               [&](int64_t begin, int64_t end) {
                 for (int64_t plane = begin; plane < end; ++plane)
                   for (int64_t line = 0; line < lines; ++line)
                     visit(plane, line / s.out[1], line % s.out[1], (plane * lines + line) * s.out[2]);
               });
}

/// Everything evaluate() needs, for inputs in N, C, spatial… order.
struct Pooling {
  Tensor x, y;  // in the compute type
  Sweep sweep;
  int64_t planes = 0;
};
template <class Op> Result<Pooling> prepare(const Op& op, std::span<const Tensor> in) {
  RK_TRY(const Types types, infer_tensors(op, in));
  Pooling p;
  RK_TRY(p.x, widen(in[0]));
  RK_TRY(p.y, make_computed(Op::name, types[0]));
  RK_TRY(const Window window, window_of(op, types[0]));
  p.sweep = make_sweep(window, std::span(in[0].dims()).subspan(2), std::span(p.y.dims()).subspan(2));
  p.planes = p.y.count() == 0 ? 0 : p.y.dims()[0] * p.y.dims()[1];
  return p;
}

template <class C> C lowest() {
  return std::numeric_limits<C>::has_infinity ? -std::numeric_limits<C>::infinity()
                                              : std::numeric_limits<C>::lowest();
}
/// NaN wins and stays.
template <class C> bool beats(C value, C best) {
  if constexpr (std::is_floating_point_v<C>)
    return value > best || (value != value && best == best);
  else
    return value > best;
}

template <class C> void max_pool(Pooling& p) {
  const int64_t stride = p.sweep.stride[2];
  for_each_line_of(p.sweep, p.planes, [&](int64_t plane, int64_t z, int64_t y, int64_t out) {
    const C* x = p.x.data<C>() + plane * p.sweep.in_count();
    C* to = p.y.data<C>() + out;
    std::fill_n(to, p.sweep.out[2], lowest<C>());
    for_each_tap(p.sweep, z, y, [&](int64_t from, int64_t first, int64_t last) {
      for (int64_t o = first; o < last; ++o)
        to[o] = beats(x[from + o * stride], to[o]) ? x[from + o * stride] : to[o];
    });
  });
}

/// The position of the winner in the plane; the first of equals. -1 where the kernel sees padding alone.
template <class C> void max_positions(const Pooling& p, bool column_major, int64_t* positions) {
  const Sweep& s = p.sweep;
  for_each_line_of(s, p.planes, [&](int64_t plane, int64_t z, int64_t y, int64_t out) {
    const C* x = p.x.data<C>() + plane * s.in_count();
    int64_t* to = positions + out;
    std::fill_n(to, s.out[2], int64_t(-1));
    for_each_tap(s, z, y, [&](int64_t from, int64_t first, int64_t last) {
      for (int64_t o = first; o < last; ++o) {
        const int64_t at = from + o * s.stride[2];
        if (to[o] < 0 || beats(x[at], x[to[o]])) to[o] = at;
      }
    });
    for (int64_t o = 0; o < s.out[2]; ++o) {
      const int64_t at = to[o];
      if (at < 0) continue;
      const int64_t ix = at % s.in[2], iy = at / s.in[2] % s.in[1], iz = at / (s.in[2] * s.in[1]);
      to[o] = plane * s.in_count() + (column_major ? (ix * s.in[1] + iy) * s.in[0] + iz : at);
    }
  });
}

/// Elements of x under the kernel at one output, or with the padding: what a mean divides by.
int64_t elements_under(const Sweep& s, bool with_padding, int axis, int64_t o) {
  const size_t a = size_t(axis);
  const int64_t start = o * s.stride[a];
  const Span1 taps = with_padding ? inside(s.kernel[a], s.in[a] + s.begin[a] + s.end[a], s.dilation[a], start)
                                  : inside(s.kernel[a], s.in[a], s.dilation[a], start - s.begin[a]);
  return taps.last - taps.first;
}

/// y = finish(sum of term(x), z, y, o) under each kernel.
template <class C, class Term, class Finish> void sum_pool(Pooling& p, Term&& term, Finish&& finish) {
  const int64_t stride = p.sweep.stride[2], width = p.sweep.out[2];
  for_each_line_of(p.sweep, p.planes, [&](int64_t plane, int64_t z, int64_t y, int64_t out) {
    const C* x = p.x.data<C>() + plane * p.sweep.in_count();
    std::vector<double> sums(size_t(width), 0.0);
    for_each_tap(p.sweep, z, y, [&](int64_t from, int64_t first, int64_t last) {
      for (int64_t o = first; o < last; ++o) sums[size_t(o)] += term(double(x[from + o * stride]));
    });
    for (int64_t o = 0; o < width; ++o) p.y.data<C>()[out + o] = C(finish(sums[size_t(o)], z, y, o));
  });
}

}  // namespace

Result<Types> MaxPool::infer(std::span<const TensorType> in) const {
  if (storage_order != 0 && storage_order != 1)
    return op_error(name, "storage_order is " + std::to_string(storage_order) + ", expected 0 or 1");
  RK_TRY(TensorType y, infer_pool(*this, in, Domain::numeric));
  if (!with_indices) return Types{y};
  return Types{y, {DType::i64, y.shape}};
}

Result<Tensors> MaxPool::evaluate(std::span<const Tensor> in) const {
  if (layout == Layout::nhwc) return in_nchw(*this, in);
  RK_TRY(Pooling p, prepare(*this, in));
  Tensors out;
  if (with_indices) {
    RK_TRY(Tensor positions, make_tensor(name, DType::i64, p.y.dims()));
    out.push_back(std::move(positions));
  }
  visit_compute_type(p.x.dtype(), [&](auto zero) {
    using C = decltype(zero);
    max_pool<C>(p);
    if (with_indices) max_positions<C>(p, storage_order == 1, out[0].data<int64_t>());
  });
  RK_TRY(Tensor y, narrow(p.y, in[0].dtype()));
  out.insert(out.begin(), std::move(y));
  return out;
}

Result<Types> AveragePool::infer(std::span<const TensorType> in) const {
  RK_TRY(TensorType y, infer_pool(*this, in, Domain::floating));
  return Types{y};
}

Result<Tensors> AveragePool::evaluate(std::span<const Tensor> in) const {
  if (layout == Layout::nhwc) return in_nchw(*this, in);
  RK_TRY(Pooling p, prepare(*this, in));
  const auto mean = [&](double sum, int64_t z, int64_t y, int64_t x) {
    const int64_t count = elements_under(p.sweep, count_include_pad, 0, z) *
                          elements_under(p.sweep, count_include_pad, 1, y) *
                          elements_under(p.sweep, count_include_pad, 2, x);
    return count > 0 ? sum / double(count) : 0.0;
  };
  const auto itself = [](double x) { return x; };
  visit_float_type(p.x.dtype(), [&](auto zero) { sum_pool<decltype(zero)>(p, itself, mean); });
  return narrow_to(p.y, in[0].dtype());
}

Result<Types> LpPool::infer(std::span<const TensorType> in) const {
  if (p < 1) return op_error(name, "p is " + std::to_string(p) + ", expected at least 1");
  RK_TRY(TensorType y, infer_pool(*this, in, Domain::floating));
  return Types{y};
}

Result<Tensors> LpPool::evaluate(std::span<const Tensor> in) const {
  if (layout == Layout::nhwc) return in_nchw(*this, in);
  RK_TRY(Pooling pooling, prepare(*this, in));
  const double power = double(p);
  const auto term = [&](double x) {
    return power == 1 ? std::fabs(x) : power == 2 ? x * x : std::pow(std::fabs(x), power);
  };
  const auto root = [&](double sum, int64_t, int64_t, int64_t) {
    return power == 1 ? sum : power == 2 ? std::sqrt(sum) : std::pow(sum, 1 / power);
  };
  visit_float_type(pooling.x.dtype(), [&](auto zero) { sum_pool<decltype(zero)>(pooling, term, root); });
  return narrow_to(pooling.y, in[0].dtype());
}

}  // namespace rekindle::ops
