// The reference of transposed convolution: a matrix product gives what every input position adds to every
// tap's place, and those places are added up. SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "math/conv.h"
#include "math/conv_checks.h"
#include "math/gemm.h"

namespace rekindle::ops {

namespace {

constexpr int64_t kMost = INT32_MAX;

Result<Window> window_of(const ConvTranspose& op, Shape kernel) {
  RK_TRY(Window window,
         make_window({op.name, op.strides, op.dilations, op.pads, op.auto_pad}, std::move(kernel)));
  const auto check = [&](std::string_view what, const std::vector<int64_t>& list, int64_t least) -> Status {
    if (!list.empty() && list.size() != window.rank())
      return op_error(op.name, std::to_string(list.size()) + " " + std::string(what) + ", expected " +
                                   std::to_string(window.rank()));
    for (int64_t v : list)
      if (v < least || v > kMost)
        return op_error(op.name, std::string(what) + " has " + std::to_string(v) + ", expected at least " +
                                     std::to_string(least) + " and less than 2^31");
    return {};
  };
  RK_CHECK(check("output_padding", op.output_padding, 0));
  RK_CHECK(check("output_shape", op.output_shape, 1));
  return window;
}

/// The output size without any padding taken off.
Dim full_size(const ConvTranspose& op, const Window& window, size_t axis, Dim in) {
  const int64_t extra = op.output_padding.empty() ? 0 : op.output_padding[axis];
  return (in - 1) * window.strides[axis] + extra + window.extent(axis);
}

Result<Dim> output_size(const ConvTranspose& op, const Window& window, size_t axis, Dim in) {
  if (!op.output_shape.empty()) return Dim(op.output_shape[axis]);
  const Dim full = full_size(op, window, axis, in);
  const Dim size = op.auto_pad == AutoPad::explicit_pads ? full - window.begin[axis] - window.end[axis]
                                                         : min(full, in * window.strides[axis]);
  if (auto known = size.as_int(); known && *known < 1)
    return op_error(op.name, "spatial axis " + std::to_string(axis) + " would have size " +
                                 std::to_string(*known) + ", expected at least 1");
  return size;
}

/// The sweep of the convolution that this one transposes: its input is our output.
Sweep sweep_of(const ConvTranspose& op, const Window& window, std::span<const int64_t> in,
               std::span<const int64_t> out) {
  Window explicit_window = window;
  explicit_window.auto_pad = AutoPad::explicit_pads;
  if (op.auto_pad != AutoPad::explicit_pads || !op.output_shape.empty()) {
    for (size_t i = 0; i < window.rank(); ++i) {
      const int64_t full = full_size(op, window, i, in[i]).as_int().value_or(0);
      const int64_t total = std::max<int64_t>(0, full - out[i]), less = total / 2;
      explicit_window.begin[i] = op.auto_pad == AutoPad::same_upper ? less : total - less;
    }
  }
  return make_sweep(explicit_window, out, in);
}

/// Adds what input positions first … first + count give to one tap.
template <class Sum>
void scatter(const Sweep& s, int64_t tap, int64_t first, int64_t count, const Sum* values, Sum* plane) {
  const int64_t kx = tap % s.kernel[2], ky = tap / s.kernel[2] % s.kernel[1],
                kz = tap / (s.kernel[2] * s.kernel[1]);
  const int64_t width = s.out[2], offset = kx * s.dilation[2] - s.begin[2];
  const Span1 span = inside(width, s.in[2], s.stride[2], offset);
  int64_t column = first % width, line = first / width;
  for (int64_t done = 0; done < count; column = 0, ++line) {
    const int64_t length = std::min(count - done, width - column);
    const int64_t y = line % s.out[1] * s.stride[1] + ky * s.dilation[1] - s.begin[1];
    const int64_t z = line / s.out[1] * s.stride[0] + kz * s.dilation[0] - s.begin[0];
    if (y >= 0 && y < s.in[1] && z >= 0 && z < s.in[0]) {
      Sum* to = plane + (z * s.in[1] + y) * s.in[2] + offset;
      const Sum* from = values + done - column;
      const int64_t last = std::min(span.last, column + length);
      for (int64_t o = std::max(span.first, column); o < last; ++o) to[o * s.stride[2]] += from[o];
    }
    done += length;
  }
}

template <class C> struct Operands {
  const C *x, *w, *bias;
  C* y;
  int64_t items, group, in_channels, out_channels;
};

template <class C> void transpose_convolve(const Operands<C>& p, const Sweep& sweep) {
  using Sum = typename Gemm<C>::Sum;
  const int64_t outputs = p.out_channels / p.group, depth = p.in_channels / p.group, taps = sweep.taps();
  const int64_t columns = sweep.out_count(), plane = sweep.in_count();
  // Channels a task: a block of rows, unless their sums would leave the cache.
  const int64_t most = std::min(Gemm<C>::kRows / taps, (int64_t(1) << 18) / plane);
  const int64_t together = std::clamp<int64_t>(most, 1, outputs);
  const int64_t tasks = (outputs + together - 1) / together;
  const int64_t work = together * taps * columns * (depth / 4 + 1);
  parallel_for(p.items * p.group * tasks, grain_of(work), [&](int64_t begin, int64_t end) {
    Gemm<C> gemm;
    std::vector<Sum> sums(size_t(together * plane));
    for (int64_t task = begin; task < end; ++task) {
      const int64_t item = task / tasks, first = task % tasks * together,
                    channels = std::min(together, outputs - first);
      const int64_t group = item % p.group;
      std::fill(sums.begin(), sums.end(), Sum(0));
      for (int64_t m = 0; m < channels * taps; m += Gemm<C>::kRows)
        for (int64_t n = 0; n < columns; n += Gemm<C>::kColumns)
          gemm.run(
              m, std::min(Gemm<C>::kRows, channels * taps - m), n, std::min(Gemm<C>::kColumns, columns - n),
              depth,
              [&](int64_t row, int64_t k, int64_t count, C* to) {
                const C* from = p.w + (group * depth + k) * outputs * taps + first * taps + row;
                for (int64_t i = 0; i < count; ++i) to[i] = from[i * outputs * taps];
              },
              [&](int64_t k, int64_t column, int64_t count, C* to) {
                std::copy_n(p.x + (item * depth + k) * columns + column, count, to);
              },
              [&](int64_t row, int64_t column, int64_t count, const Sum* values) {
                scatter(sweep, row % taps, column, count, values, sums.data() + row / taps * plane);
              });
      for (int64_t c = 0; c < channels; ++c) {
        const Sum start = p.bias ? Sum(p.bias[group * outputs + first + c]) : Sum(0);
        C* to = p.y + (item * outputs + first + c) * plane;
        for (int64_t i = 0; i < plane; ++i) to[i] = C(sums[size_t(c * plane + i)] + start);
      }
    }
  });
}

}  // namespace

Result<Types> ConvTranspose::infer(std::span<const TensorType> in) const {
  RK_TRY(ConvShapes shapes, check_conv(name, in, group, layout, true));
  RK_TRY(const Window window, window_of(*this, shapes.kernel));
  Shape out{in[0].shape[0], shapes.out_channels};
  for (size_t i = 0; i < window.rank(); ++i) {
    RK_TRY(Dim size, output_size(*this, window, i, shapes.spatial[i]));
    out.push_back(size);
  }
  return Types{{in[0].dtype, with_layout(layout, out)}};
}

Result<Tensors> ConvTranspose::evaluate(std::span<const Tensor> in) const {
  if (layout == Layout::nhwc) return in_nchw(*this, in);
  RK_TRY(const Types types, infer_tensors(*this, in));
  RK_TRY(const Tensor x, widen(in[0]));
  RK_TRY(const Tensor w, widen(in[1]));
  Tensor bias;
  if (const Tensor* b = optional_input(in, 2)) {
    RK_TRY(bias, widen(*b));
  }
  RK_TRY(Tensor y, make_computed(name, types[0]));
  if (y.count() == 0) return narrow_to(y, in[0].dtype());
  RK_TRY(const Window window, window_of(*this, to_shape(Dims(w.dims().begin() + 2, w.dims().end()))));
  const Sweep sweep = sweep_of(*this, window, std::span(x.dims()).subspan(2), std::span(y.dims()).subspan(2));
  visit_compute_type(x.dtype(), [&](auto zero) {
    using C = decltype(zero);
    transpose_convolve<C>({x.data<C>(), w.data<C>(), bias.has_data() ? bias.data<C>() : nullptr, y.data<C>(),
                           x.dims()[0], group, x.dims()[1], y.dims()[1]},
                          sweep);
  });
  return narrow_to(y, in[0].dtype());
}

}  // namespace rekindle::ops
