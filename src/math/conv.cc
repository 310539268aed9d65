// The reference of convolution: for each item and group a matrix product of the weight with the patches under
// it. SPDX-License-Identifier: Apache-2.0
#include "math/conv.h"

#include <algorithm>

#include "math/compute_type.h"
#include "math/conv_checks.h"
#include "math/gemm.h"

namespace rekindle::ops {

namespace {

/// The input of one item and group as a matrix: a row for each channel and tap, a column for each output
/// position.
template <class C> class Patches {
 public:
  explicit Patches(const Sweep& sweep) : sweep_(sweep) {
    for (int64_t x = 0; x < sweep.kernel[2]; ++x)
      spans_.push_back(
          inside(sweep.out[2], sweep.in[2], sweep.stride[2], x * sweep.dilation[2] - sweep.begin[2]));
  }
  /// Elements first … first + count of a row.
  void load(const C* input, int64_t row, int64_t first, int64_t count, C* to) const {
    const Sweep& s = sweep_;
    const int64_t x = row % s.kernel[2], y = row / s.kernel[2] % s.kernel[1];
    const int64_t z = row / (s.kernel[1] * s.kernel[2]) % s.kernel[0], channel = row / s.taps();
    const C* plane = input + channel * s.in_count();
    const int64_t width = s.out[2], offset = x * s.dilation[2] - s.begin[2], stride = s.stride[2];
    int64_t column = first % width, line = first / width;
    for (int64_t done = 0; done < count; column = 0, ++line) {
      const int64_t length = std::min(count - done, width - column);
      const int64_t iy = line % s.out[1] * s.stride[1] + y * s.dilation[1] - s.begin[1];
      const int64_t iz = line / s.out[1] * s.stride[0] + z * s.dilation[0] - s.begin[0];
      Span1 span{0, 0};
      if (iy >= 0 && iy < s.in[1] && iz >= 0 && iz < s.in[0]) span = spans_[size_t(x)];
      const int64_t from = std::clamp(span.first, column, column + length);
      const int64_t until = std::clamp(span.last, from, column + length);
      C* out = to + done - column;
      std::fill(out + column, out + from, C(0));
      const C* in = plane + (iz * s.in[1] + iy) * s.in[2] + offset;
      if (stride == 1)
        std::copy(in + from, in + until, out + from);
      else
        for (int64_t o = from; o < until; ++o) out[o] = in[o * stride];
      std::fill(out + until, out + column + length, C(0));
      done += length;
    }
  }

 private:
  const Sweep& sweep_;
  std::vector<Span1> spans_;
};

template <class C>
void convolve(const C* x, const C* w, const C* bias, C* y, int64_t items, int64_t group, int64_t in_channels,
              int64_t out_channels, const Sweep& sweep) {
  const Patches<C> patches(sweep);
  const int64_t rows = out_channels / group, depth = in_channels / group * sweep.taps(),
                columns = sweep.out_count();
  for_each_block<C>(items * group, rows, columns, depth,
                    [&](Gemm<C>& gemm, int64_t item, int64_t m0, int64_t m, int64_t n0, int64_t n) {
                      const C* input = x + item * (in_channels / group) * sweep.in_count();
                      const int64_t first = item % group * rows;  // the group's first output channel
                      gemm.run(
                          m0, m, n0, n, depth,
                          [&](int64_t row, int64_t k, int64_t count, C* to) {
                            std::copy_n(w + (first + row) * depth + k, count, to);
                          },
                          [&](int64_t k, int64_t column, int64_t count, C* to) {
                            patches.load(input, k, column, count, to);
                          },
                          [&](int64_t row, int64_t column, int64_t count, const auto* sums) {
                            C* to = y + (item * rows + row) * columns + column;
                            const auto start = bias ? bias[first + row] : C(0);
                            for (int64_t i = 0; i < count; ++i) to[i] = C(sums[i] + start);
                          });
                    });
}

}  // namespace

Result<Types> Conv::infer(std::span<const TensorType> in) const {
  RK_TRY(ConvShapes shapes, check_conv(name, in, group, layout, false));
  RK_TRY(Window window, make_window({name, strides, dilations, pads, auto_pad}, shapes.kernel));
  Shape out{in[0].shape[0], shapes.out_channels};
  for (size_t i = 0; i < window.rank(); ++i) {
    RK_TRY(Dim size, window.output_size(i, shapes.spatial[i]));
    out.push_back(size);
  }
  return Types{{in[0].dtype, with_layout(layout, out)}};
}

Result<Tensors> Conv::evaluate(std::span<const Tensor> in) const {
  if (layout == Layout::nhwc) return in_nchw(*this, in);
  RK_TRY(Tensor x, widen(in[0]));
  RK_TRY(Tensor w, widen(in[1]));
  Tensor bias;
  if (const Tensor* b = optional_input(in, 2)) {
    RK_TRY(bias, widen(*b));
  }
  RK_TRY(const Types types, infer_tensors(*this, in));
  RK_TRY(Tensor y, make_computed(name, types[0]));
  if (y.count() == 0) return narrow_to(y, in[0].dtype());
  const Dims kernel(w.dims().begin() + 2, w.dims().end());
  RK_TRY(Window window, make_window({name, strides, dilations, pads, auto_pad}, to_shape(kernel)));
  const Sweep sweep = make_sweep(window, std::span(x.dims()).subspan(2), std::span(y.dims()).subspan(2));
  visit_compute_type(x.dtype(), [&](auto zero) {
    using C = decltype(zero);
    convolve<C>(x.data<C>(), w.data<C>(), bias.has_data() ? bias.data<C>() : nullptr, y.data<C>(),
                x.dims()[0], group, x.dims()[1], y.dims()[1], sweep);
  });
  return narrow_to(y, in[0].dtype());
}

}  // namespace rekindle::ops
