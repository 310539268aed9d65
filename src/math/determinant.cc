// Gaussian elimination with the largest pivot of each column, in double.
// SPDX-License-Identifier: Apache-2.0
#include "math/determinant.h"

#include <cmath>
#include <utility>

#include "math/compute_type.h"

namespace rekindle::ops {

namespace {

double determinant(std::vector<double>& m, int64_t n) {
  double product = 1;
  const auto at = [&](int64_t i, int64_t j) -> double& { return m[size_t(i * n + j)]; };
  for (int64_t c = 0; c < n; ++c) {
    int64_t pivot = c;
    for (int64_t r = c + 1; r < n; ++r)
      if (std::fabs(at(r, c)) > std::fabs(at(pivot, c))) pivot = r;
    if (at(pivot, c) == 0) return 0;
    if (pivot != c) {
      product = -product;
      for (int64_t k = c; k < n; ++k) std::swap(at(pivot, k), at(c, k));
    }
    product *= at(c, c);
    for (int64_t r = c + 1; r < n; ++r) {
      const double factor = at(r, c) / at(c, c);
      for (int64_t k = c + 1; k < n; ++k) at(r, k) -= factor * at(c, k);
    }
  }
  return product;
}

}  // namespace

Result<Types> Determinant::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 1));
  RK_CHECK(check_present(name, in, 1));
  RK_CHECK(check_dtype(name, in[0], Domain::floating));
  const Shape& s = in[0].shape;
  if (s.size() < 2) return op_error(name, "x is " + in[0].to_string() + ", expected square matrices");
  RK_CHECK(check_equal_dims(name, "the last dim", s[s.size() - 1], s[s.size() - 2]));
  return Types{{in[0].dtype, Shape(s.begin(), s.end() - 2)}};
}

Result<Tensors> Determinant::evaluate(std::span<const Tensor> in) const {
  RK_TRY(const Types types, infer_tensors(*this, in));
  RK_TRY(const Tensor x, cast(in[0], DType::f64));
  const int64_t n = x.dims().back();
  RK_TRY(const Dims dims, concrete(name, types[0]));
  RK_TRY(Tensor y, make_tensor(name, DType::f64, dims));
  std::vector<double> matrix(static_cast<size_t>(n * n));
  for (int64_t i = 0; i < y.count(); ++i) {
    for (int64_t k = 0; k < n * n; ++k) matrix[size_t(k)] = x.data<double>()[i * n * n + k];
    y.data<double>()[i] = determinant(matrix, n);
  }
  return narrow_to(y, in[0].dtype());
}

}  // namespace rekindle::ops
