// Convolutions to test with: sizes, made-up data and what the reference makes of it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cmath>

#include "backends/cpu/kernel_test.h"
#include "backends/cpu/kernels/conv.h"
#include "math/conv.h"
#include "math/elementwise.h"

namespace rekindle::cpu {

/// One entry of the lists a spatial axis; with one entry h is ignored.
struct ConvCase {
  int64_t n, h, w, c, o;
  std::vector<int64_t> kernel, strides, dilations, begin, end;
  int64_t group;

  WindowParams window() const { return {kernel, strides, dilations, begin, false, false}; }
  Dims input() const { return kernel.size() == 1 ? Dims{n, w, c} : Dims{n, h, w, c}; }
  Dims weights() const {
    Dims d{o, c / group};
    d.insert(d.end(), kernel.begin(), kernel.end());
    return d;
  }
  ops::Conv op() const {
    ops::Conv conv{strides, dilations, begin, group, ops::AutoPad::explicit_pads, ops::Layout::nhwc};
    conv.pads.insert(conv.pads.end(), end.begin(), end.end());
    return conv;
  }
  /// Rounding grows with the root of the number of products.
  double tolerance() const { return 2e-6 * std::sqrt(100.0 + double(count_of(weights()) / o)); }
  std::string text() const { return to_string(input()) + " * " + to_string(weights()); }
};

struct ConvData {
  Tensor x, w, bias, expected;
  ConvData(const ConvCase& c, bool has_bias)
      : x(random_tensor(c.input(), 1)), w(random_tensor(c.weights(), 2)), bias(random_tensor({c.o}, 3)) {
    std::vector<Tensor> in{x, w};
    if (has_bias) in.push_back(bias);
    auto out = c.op().evaluate(in);
    if (!out.ok())
      ADD_FAILURE() << out.status().to_string();
    else
      expected = (*out)[0];
  }
};

/// A transposed convolution, the same along all spatial axes.
struct TransposedCase {
  Dims x, w;  // [N, spatial…, C], [C, O / group, kernel…]
  int64_t stride, dilation, begin, end, extra, group;

  std::vector<int64_t> all(int64_t v) const { return std::vector<int64_t>(x.size() - 2, v); }
  WindowParams window() const {
    return {Dims(w.begin() + 2, w.end()), all(stride), all(dilation), all(begin), false, false};
  }
  ops::ConvTranspose op() const {
    ops::ConvTranspose op;
    op.strides = all(stride), op.dilations = all(dilation), op.output_padding = all(extra);
    op.pads = all(begin), op.pads.insert(op.pads.end(), x.size() - 2, end);
    op.group = group, op.layout = ops::Layout::nhwc;
    return op;
  }
  std::string text() const { return to_string(x) + " * " + to_string(w); }
};
inline const std::vector<TransposedCase>& transposed_cases() {
  static const std::vector<TransposedCase> list = {
      // x             w            stride dilation begin end extra group
      {{1, 5, 7, 24}, {24, 24, 2, 2}, 2, 1, 0, 0, 0, 1}, {{1, 8, 8, 24}, {24, 1, 2, 2}, 2, 1, 0, 0, 0, 1},
      {{2, 4, 5, 17}, {17, 33, 3, 3}, 2, 1, 1, 1, 1, 1}, {{1, 6, 6, 16}, {16, 8, 4, 4}, 2, 1, 1, 1, 0, 1},
      {{1, 6, 5, 8}, {8, 6, 3, 3}, 1, 2, 2, 1, 0, 1},    {{1, 3, 3, 12}, {12, 2, 3, 3}, 3, 1, 0, 0, 0, 3},
      {{3, 9, 10}, {10, 7, 5}, 2, 1, 2, 2, 0, 1},        {{1, 4, 6, 5}, {5, 9, 2, 2}, 3, 1, 0, 1, 1, 1},
      {{1, 5, 5, 4}, {4, 3, 5, 5}, 2, 1, 4, 3, 0, 1},    {{1, 1, 1, 7}, {7, 2, 4, 4}, 4, 1, 0, 0, 0, 1},
      {{0, 3, 3, 4}, {4, 4, 2, 2}, 2, 1, 0, 0, 0, 1}};
  return list;
}
struct TransposedData {
  Tensor x, w, bias, expected;
  explicit TransposedData(const TransposedCase& c)
      : x(random_tensor(c.x, 1)), w(random_tensor(c.w, 2)), bias(random_tensor({c.w[1] * c.group}, 3)) {
    auto out = c.op().evaluate(std::vector<Tensor>{x, w, bias});
    if (!out.ok())
      ADD_FAILURE() << out.status().to_string();
    else
      expected = (*out)[0];
  }
};

inline Dims widened(Dims dims, int64_t more) {
  dims.back() += more;
  return dims;
}
/// `from` as channels start … of `to`.
inline void copy_channels(const Tensor& from, Tensor& to, int64_t start) {
  const int64_t c = from.dims().back(), wide = to.dims().back();
  for (int64_t i = 0; i < from.count(); ++i)
    to.data<float>()[i / c * wide + start + i % c] = from.data<float>()[i];
}

}  // namespace rekindle::cpu
