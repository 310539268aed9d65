// The loops of every elementwise reference: each formula in each type it is computed in.
// SPDX-License-Identifier: Apache-2.0
#include "math/elementwise_reference.h"

namespace rekindle {

template <ElementwiseOp T, class C>
void reference_row(const void* op_address, const C* const* in, C* out, int64_t n) {
  const T& op = *static_cast<const T*>(op_address);
  for (int64_t i = 0; i < n; ++i) {
    if constexpr (arity_of<T>() == 1)
      out[i] = C(op.formula(in[0][i]));
    else if constexpr (arity_of<T>() == 2)
      out[i] = C(op.formula(in[0][i], in[1][i]));
    else
      out[i] = C(op.formula(in[0][i], in[1][i], in[2][i]));
  }
}
template <ElementwiseOp T> RowFunctions row_functions() {
  RowFunctions rows;
  constexpr Domain domain = domain_of<T>();
  if constexpr (domain == Domain::floating || domain == Domain::numeric || domain == Domain::any) {
    rows.f32 = reference_row<T, float>;
    rows.f64 = reference_row<T, double>;
  }
  if constexpr (domain != Domain::floating) {
    rows.i32 = reference_row<T, int32_t>;
    rows.i64 = reference_row<T, int64_t>;
    rows.u64 = reference_row<T, uint64_t>;
  }
  return rows;
}

#define RK_ELEMENTWISE(Struct) template RowFunctions row_functions<ops::Struct>();
#include "math/elementwise.def"
#undef RK_ELEMENTWISE

}  // namespace rekindle
