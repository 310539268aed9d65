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
