// The reference of softmax, in double.
// SPDX-License-Identifier: Apache-2.0
#include "math/softmax.h"

#include <algorithm>
#include <cmath>

#include "math/axis_loops.h"

namespace rekindle::ops {

Result<Types> Softmax::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 1));
  RK_CHECK(check_dtype(name, in[0], Domain::floating));
  if (auto a = normalize_axis(axis, in[0].rank()); !a.ok()) return op_error(name, a.status().message());
  return Types{in[0]};
}

Result<Tensors> Softmax::evaluate(std::span<const Tensor> in) const {
  const Tensor& x = in[0];
  RK_TRY(Tensor y, Tensor::make(x.dtype(), x.dims()));
  RK_TRY(int a, normalize_axis(axis, x.rank()));
  for_each_line(x.dims(), a, [&](int64_t start, int64_t stride, int64_t n) {
    double largest = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; ++i) largest = std::max(largest, x.as_double(start + i * stride));
    for (int64_t i = 0; i < n; ++i) sum += std::exp(x.as_double(start + i * stride) - largest);
    for (int64_t i = 0; i < n; ++i)
      y.set_double(start + i * stride, std::exp(x.as_double(start + i * stride) - largest) / sum);
  });
  return Tensors{y};
}

}  // namespace rekindle::ops
