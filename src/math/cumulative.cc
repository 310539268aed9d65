// cumulative: one pass along each line, in double or 64-bit integers.
// SPDX-License-Identifier: Apache-2.0
#include "math/cumulative.h"

#include "math/axis_loops.h"
#include "math/compute_type.h"

namespace rekindle::ops {

namespace {

/// Floats accumulate in double, so that long sums in f32 lose nothing; integers wrap.
template <class C>
void run_line(CumulativeOp op, bool exclusive, bool reverse, const C* from, C* to, int64_t stride,
              int64_t n) {
  using Sum = std::conditional_t<std::is_floating_point_v<C>, double, C>;
  Sum so_far = op == CumulativeOp::sum ? Sum(0) : Sum(1);
  for (int64_t i = 0; i < n; ++i) {
    const int64_t at = (reverse ? n - 1 - i : i) * stride;
    const Sum before = so_far;
    if (op == CumulativeOp::sum)
      so_far = so_far + Sum(from[at]);
    else
      so_far = so_far * Sum(from[at]);
    to[at] = C(exclusive ? before : so_far);
  }
}

}  // namespace

Result<Types> Cumulative::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 1));
  RK_CHECK(check_present(name, in, 1));
  RK_CHECK(check_dtype(name, in[0], Domain::numeric));
  RK_CHECK(normalize_axis(name, axis, in[0].rank()).status());
  return Types{in[0]};
}

Result<Tensors> Cumulative::evaluate(std::span<const Tensor> in) const {
  RK_TRY(const Types types, infer_tensors(*this, in));
  RK_TRY(const int along, normalize_axis(name, axis, in[0].rank()));
  RK_TRY(const Tensor x, widen(in[0]));
  RK_TRY(Tensor y, make_computed(name, types[0]));
  visit_compute_type(x.dtype(), [&](auto zero) {
    using C = decltype(zero);
    if (x.count() == 0) return;
    for_each_line(x.dims(), along, [&](int64_t start, int64_t stride, int64_t n) {
      run_line(op, exclusive, reverse, x.data<C>() + start, y.data<C>() + start, stride, n);
    });
  });
  return narrow_to(y, in[0].dtype());
}

}  // namespace rekindle::ops
