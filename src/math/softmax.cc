// The references of softmax and its logarithm, in double.
// SPDX-License-Identifier: Apache-2.0
#include "math/softmax.h"

#include <algorithm>
#include <cmath>

#include "base/parallel.h"
#include "math/compute_type.h"

namespace rekindle::ops {

namespace {

template <class Op> Result<Types> infer_softmax(const Op& op, std::span<const TensorType> in) {
  RK_CHECK(check_arity(Op::name, in.size(), 1, 1));
  RK_CHECK(check_present(Op::name, in, 1));
  RK_CHECK(check_dtype(Op::name, in[0], Domain::floating));
  RK_CHECK(normalize_axis(Op::name, op.axis, in[0].rank()).status());
  return Types{in[0]};
}

/// One slab of n by inner elements: every column becomes its softmax or the logarithm of it.
template <class C> void softmax_slab(const C* x, C* y, int64_t n, int64_t inner, bool logarithm) {
  std::vector<double> largest(size_t(inner), -INFINITY), sum(size_t(inner), 0.0);
  std::vector<double> powers(logarithm ? 0 : size_t(n * inner));
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < inner; ++j)
      largest[size_t(j)] = std::max(largest[size_t(j)], double(x[i * inner + j]));
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < inner; ++j) {
      const double power = std::exp(double(x[i * inner + j]) - largest[size_t(j)]);
      sum[size_t(j)] += power;
      if (!logarithm) powers[size_t(i * inner + j)] = power;
    }
  if (logarithm)
    for (double& s : sum) s = std::log(s);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < inner; ++j) {
      const int64_t at = i * inner + j;
      y[at] = C(logarithm ? double(x[at]) - largest[size_t(j)] - sum[size_t(j)]
                          : powers[size_t(at)] / sum[size_t(j)]);
    }
}

Result<Tensors> softmax(const Tensor& given, int axis, bool logarithm) {
  RK_TRY(const Tensor x, widen(given));
  RK_TRY(Tensor y, make_tensor(logarithm ? LogSoftmax::name : Softmax::name, x.dtype(), x.dims()));
  const auto at = x.dims().begin() + axis;
  const int64_t outer = count_of(Dims(x.dims().begin(), at)), n = *at,
                inner = count_of(Dims(at + 1, x.dims().end()));
  if (x.count() > 0)
    visit_float_type(x.dtype(), [&](auto zero) {
      using C = decltype(zero);
      parallel_for(outer, grain_of(n * inner * 16), [&](int64_t begin, int64_t end) {
        for (int64_t o = begin; o < end; ++o)
          softmax_slab(x.data<C>() + o * n * inner, y.data<C>() + o * n * inner, n, inner, logarithm);
      });
    });
  return narrow_to(y, given.dtype());
}

}  // namespace

Result<Types> Softmax::infer(std::span<const TensorType> in) const { return infer_softmax(*this, in); }
Result<Tensors> Softmax::evaluate(std::span<const Tensor> in) const {
  RK_TRY(const int a, normalize_axis(name, axis, in[0].rank()));
  return softmax(in[0], a, false);
}

Result<Types> LogSoftmax::infer(std::span<const TensorType> in) const { return infer_softmax(*this, in); }
Result<Tensors> LogSoftmax::evaluate(std::span<const Tensor> in) const {
  RK_TRY(const int a, normalize_axis(name, axis, in[0].rank()));
  return softmax(in[0], a, true);
}

}  // namespace rekindle::ops
