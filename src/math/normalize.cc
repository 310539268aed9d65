// The references of lp_normalize, mean_variance_normalize and lrn.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "math/elementwise_reference.h"
#include "math/norm.h"
#include "math/norm_lines.h"
#include "math/reduce.h"

namespace rekindle::ops {

namespace {

template <class Op> Result<Tensor> apply(const Op& op, const Tensors& in) {
  RK_TRY(Tensors out, evaluate_elementwise(traits_of<Op>(), row_functions<Op>(), &op, in));
  return out[0];
}

}  // namespace

Result<Types> LpNormalize::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_norm(name, in, 1, 1, 1));
  RK_CHECK(normalize_axis(name, axis, in[0].rank()).status());
  if (p != 1 && p != 2) return op_error(name, "p is " + std::to_string(p) + ", expected 1 or 2");
  return Types{in[0]};
}
Result<Tensors> LpNormalize::evaluate(std::span<const Tensor> in) const {
  RK_CHECK(infer_tensors(*this, in).status());
  RK_TRY(const int a, normalize_axis(name, axis, in[0].rank()));
  const auto at = in[0].dims().begin() + a;
  const int64_t n = *at, inner = count_of(Dims(at + 1, in[0].dims().end()));
  return for_each_norm_line(
      name, in[0], count_of(Dims(in[0].dims().begin(), at)), n * inner, [&](const auto* x, auto* y, int64_t) {
        std::vector<double> norms(size_t(inner), 0.0);
        for (int64_t i = 0; i < n * inner; ++i)
          norms[size_t(i % inner)] += p == 1 ? std::fabs(double(x[i])) : double(x[i]) * double(x[i]);
        for (double& norm : norms) norm = p == 1 ? norm : std::sqrt(norm);
        for (int64_t i = 0; i < n * inner; ++i) {
          const double norm = norms[size_t(i % inner)];
          y[i] = std::decay_t<decltype(*y)>(norm == 0 ? 0.0 : double(x[i]) / norm);
        }
      });
}

Result<Types> MeanVarianceNormalize::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_norm(name, in, 1, 1, 1));
  auto reduced = Reduce{ReduceOp::mean, axes}.infer(in);
  if (!reduced.ok()) {
    std::string message = reduced.status().message();
    return op_error(name, message.substr(message.find(": ") + 2));
  }
  return Types{in[0]};
}
Result<Tensors> MeanVarianceNormalize::evaluate(std::span<const Tensor> in) const {
  RK_CHECK(infer_tensors(*this, in).status());
  const Reduce mean{ReduceOp::mean, axes};
  RK_TRY(const Tensor x, cast(in[0], DType::f64));
  RK_TRY(const Tensors means, mean.evaluate(std::array{x}));
  RK_TRY(const Tensor centered, apply(Sub{}, {x, means[0]}));
  RK_TRY(const Tensor squares, apply(Square{}, {centered}));
  RK_TRY(const Tensors variance, mean.evaluate(std::array{squares}));
  RK_TRY(const Tensor deviation, apply(Sqrt{}, {variance[0]}));
  RK_TRY(const Tensor divisor, apply(Add{}, {deviation, Tensor::scalar(1e-9)}));
  RK_TRY(const Tensor y, apply(Div{}, {centered, divisor}));
  return narrow_to(y, in[0].dtype());
}

Result<Types> Lrn::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_norm(name, in, 1, 1, 2));
  if (size < 1) return op_error(name, "size is " + std::to_string(size) + ", expected at least 1");
  return Types{in[0]};
}
Result<Tensors> Lrn::evaluate(std::span<const Tensor> in) const {
  RK_CHECK(infer_tensors(*this, in).status());
  const Dims& dims = in[0].dims();
  const int64_t channels = dims[1], spatial = count_of(Dims(dims.begin() + 2, dims.end()));
  const int64_t before = std::min(channels, (size - 1) / 2), after = std::min(channels, size / 2);
  return for_each_norm_line(name, in[0], dims[0], channels * spatial, [&](const auto* x, auto* y, int64_t) {
    std::vector<double> sums(size_t(spatial), 0.0);
    for (int64_t c = 0; c < channels; ++c) {
      std::fill(sums.begin(), sums.end(), 0.0);
      for (int64_t near = std::max<int64_t>(0, c - before); near <= std::min(channels - 1, c + after); ++near)
        for (int64_t i = 0; i < spatial; ++i) {
          const double value = double(x[near * spatial + i]);
          sums[size_t(i)] += value * value;
        }
      for (int64_t i = 0; i < spatial; ++i) {
        const double divisor =
            std::pow(double(bias) + double(alpha) / double(size) * sums[size_t(i)], double(beta));
        y[c * spatial + i] = std::decay_t<decltype(*y)>(double(x[c * spatial + i]) / divisor);
      }
    }
  });
}

}  // namespace rekindle::ops
