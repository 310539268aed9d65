// The reference of matrix multiplication.
// SPDX-License-Identifier: Apache-2.0
#include "math/matmul.h"

#include <algorithm>

#include "math/batches.h"
#include "math/compute_type.h"
#include "math/gemm.h"

namespace rekindle::ops {

namespace {

/// An operand as a stack of matrices; a vector has gained a dim of 1.
struct Matrices {
  Shape batch;
  Dim rows, columns;
};
Matrices matrices(const Shape& shape, bool transposed, bool is_left) {
  if (shape.size() == 1) return is_left ? Matrices{{}, 1, shape[0]} : Matrices{{}, shape[0], 1};
  const size_t rank = shape.size();
  Matrices m{Shape(shape.begin(), shape.end() - 2), shape[rank - 2], shape[rank - 1]};
  if (transposed) std::swap(m.rows, m.columns);
  return m;
}

/// Row or column `line` of a matrix: `count` elements from `first`, `step` apart.
template <class C> void copy_line(const C* from, int64_t step, int64_t count, C* to) {
  if (step == 1)
    std::copy_n(from, count, to);
  else
    for (int64_t i = 0; i < count; ++i) to[i] = from[i * step];
}

struct Sizes {
  int64_t m, n, k;
  bool transpose_a, transpose_b;
};
template <class C>
void multiply(const C* a, const std::vector<int64_t>& a_items, const C* b,
              const std::vector<int64_t>& b_items, C* y, const Sizes& s) {
  for_each_block<C>(int64_t(a_items.size()), s.m, s.n, s.k,
                    [&](Gemm<C>& gemm, int64_t item, int64_t m0, int64_t rows, int64_t n0, int64_t columns) {
                      const C* left = a + a_items[size_t(item)] * s.m * s.k;
                      const C* right = b + b_items[size_t(item)] * s.k * s.n;
                      gemm.run(
                          m0, rows, n0, columns, s.k,
                          [&](int64_t m, int64_t k, int64_t count, C* to) {
                            if (s.transpose_a)
                              copy_line(left + k * s.m + m, s.m, count, to);
                            else
                              copy_line(left + m * s.k + k, 1, count, to);
                          },
                          [&](int64_t k, int64_t n, int64_t count, C* to) {
                            if (s.transpose_b)
                              copy_line(right + n * s.k + k, s.k, count, to);
                            else
                              copy_line(right + k * s.n + n, 1, count, to);
                          },
                          [&](int64_t m, int64_t n, int64_t count, const auto* sums) {
                            C* to = y + (item * s.m + m) * s.n + n;
                            for (int64_t i = 0; i < count; ++i) to[i] = C(sums[i]);
                          });
                    });
}

}  // namespace

Result<Types> Matmul::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 2, 2));
  RK_CHECK(check_present(name, in, 2));
  for (const TensorType& t : in) {
    RK_CHECK(check_dtype(name, t, Domain::numeric));
    if (t.rank() == 0)
      return op_error(name, "an operand is the scalar " + t.to_string() + ", expected rank 1 or more");
  }
  if (in[0].dtype != in[1].dtype)
    return op_error(name, "the operands are " + std::string(to_string(in[0].dtype)) + " and " +
                              std::string(to_string(in[1].dtype)) + ", expected one element type");
  const Matrices a = matrices(in[0].shape, transpose_a, true), b = matrices(in[1].shape, transpose_b, false);
  if (a.columns.as_int() && b.rows.as_int() && a.columns != b.rows)
    return op_error(name, "the operands are " + in[0].to_string() + " and " + in[1].to_string() + ": " +
                              a.columns.to_string() + " columns against " + b.rows.to_string() + " rows");
  auto shape = broadcast_shapes(a.batch, b.batch);
  if (!shape.ok()) return op_error(name, shape.status().message());
  if (in[0].rank() > 1) shape->push_back(a.rows);
  if (in[1].rank() > 1) shape->push_back(b.columns);
  return Types{{in[0].dtype, *std::move(shape)}};
}

Result<Tensors> Matmul::evaluate(std::span<const Tensor> in) const {
  RK_TRY(const Types types, infer_tensors(*this, in));
  RK_TRY(const Tensor a, widen(in[0]));
  RK_TRY(const Tensor b, widen(in[1]));
  RK_TRY(Tensor y, make_computed(name, types[0]));
  const Matrices left = matrices(to_shape(a.dims()), transpose_a, true);
  const Matrices right = matrices(to_shape(b.dims()), transpose_b, false);
  Sizes sizes{left.rows.as_int().value_or(0), right.columns.as_int().value_or(0),
              left.columns.as_int().value_or(0), transpose_a && a.rank() > 1, transpose_b && b.rank() > 1};
  RK_TRY(const Shape broadcast, broadcast_shapes(left.batch, right.batch));
  RK_TRY(const Dims left_batch, concrete(name, left.batch, "batch"));
  RK_TRY(const Dims right_batch, concrete(name, right.batch, "batch"));
  RK_TRY(const Dims batch, concrete(name, broadcast, "batch"));
  if (y.count() == 0) return narrow_to(y, in[0].dtype());
  std::vector<int64_t> a_items = batch_items(batch, left_batch), b_items = batch_items(batch, right_batch);
  if (count_of(right_batch) == 1 && !sizes.transpose_a) {  // one matrix on the right: one tall product
    sizes.m *= count_of(batch);
    a_items = b_items = {0};
  }
  visit_compute_type(y.dtype(), [&](auto zero) {
    using C = decltype(zero);
    multiply<C>(a.data<C>(), a_items, b.data<C>(), b_items, y.data<C>(), sizes);
  });
  return narrow_to(y, in[0].dtype());
}

}  // namespace rekindle::ops
