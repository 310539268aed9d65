// Widening and narrowing whole tensors.
// SPDX-License-Identifier: Apache-2.0
#include "math/compute_type.h"

namespace rekindle {

DType compute_type(DType t) {
  if (t == DType::f64 || t == DType::u64) return t;
  return is_integer(t) || t == DType::boolean ? DType::i64 : DType::f32;
}

Result<Tensor> widen(const Tensor& x) {
  const DType wide = compute_type(x.dtype());
  if (wide == x.dtype()) return x;
  return cast(x, wide);
}

Result<Tensor> narrow(const Tensor& computed, DType to) {
  if (computed.dtype() == to) return computed;
  return cast(computed, to);
}

Result<Tensor> make_computed(std::string_view op, const TensorType& type) {
  RK_TRY(Dims dims, concrete(op, type));
  return make_tensor(op, compute_type(type.dtype), std::move(dims));
}

}  // namespace rekindle
