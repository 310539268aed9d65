// What the references of normalisations share: parameters as doubles, their checks, and normalising one line.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cmath>

#include "base/parallel.h"
#include "math/compute_type.h"

namespace rekindle::ops {

/// Error unless the parameter has x's element type or f32 and the shape; a symbolic dim fits anything.
Status check_parameter(std::string_view op, std::string_view what, const TensorType& type, DType x,
                       const Shape& shape);
/// The elements of a parameter, spread over `dims` by broadcasting; `absent` everywhere when there is none.
Result<std::vector<double>> spread_parameter(const Tensor* parameter, const Dims& dims, double absent);

/// The arity, float type and rank of (x, …) with at least `least` and at most `most` inputs.
Status check_norm(std::string_view op, std::span<const TensorType> in, size_t least, size_t most,
                  int least_rank);
/// The channels of x[N, C, …]; a vector is one channel.
inline Dim channels_of(const TensorType& x) { return x.rank() > 1 ? x.shape[1] : Dim(1); }

/// y_i = (x_i - mean) / sqrt(variance + epsilon) of n elements; the callable makes the result of i and that.
template <class C, class F> void normalize_line(const C* x, C* y, int64_t n, double epsilon, F&& finish) {
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < n; ++i) sum += double(x[i]);
  const double mean = sum / double(n);
  for (int64_t i = 0; i < n; ++i) squares += (double(x[i]) - mean) * (double(x[i]) - mean);
  const double scale = 1 / std::sqrt(squares / double(n) + epsilon);
  for (int64_t i = 0; i < n; ++i) y[i] = C(finish(i, (double(x[i]) - mean) * scale));
}

/// Calls visit(x, y, line) for `lines` lines of n elements, x and y in the compute type, and returns the
/// output.
template <class F>
Result<Tensors> for_each_norm_line(std::string_view op, const Tensor& given, int64_t lines, int64_t n,
                                   F&& visit) {
  RK_TRY(const Tensor x, widen(given));
  RK_TRY(Tensor y, make_tensor(op, x.dtype(), x.dims()));
  if (x.count() > 0)
    visit_float_type(x.dtype(), [&](auto zero) {
      using C = decltype(zero);
      parallel_for(lines, grain_of(n * 4), [&](int64_t begin, int64_t end) {
        for (int64_t line = begin; line < end; ++line)
          visit(x.template data<C>() + line * n, y.template data<C>() + line * n, line);
      });
    });
  return narrow_to(y, given.dtype());
}

}  // namespace rekindle::ops
