// The few types references compute in, so that a loop is compiled four times and not thirteen: narrow inputs
// are widened whole, results narrowed back. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>

#include "math/op_checks.h"

namespace rekindle {

/// f32 for f32, f16 and bf16; f64; u64; i64 for the other integers and booleans.
DType compute_type(DType);
/// The tensor in its compute type; the same buffer when it has that already.
Result<Tensor> widen(const Tensor&);
/// Back to the type of the result: floats round, integers keep their low bits.
Result<Tensor> narrow(const Tensor& computed, DType to);

/// A tensor of the type's dims in its compute type, for results that narrow() then makes final.
Result<Tensor> make_computed(std::string_view op, const TensorType& type);
/// The one output of an op.
inline Result<Tensors> narrow_to(const Tensor& computed, DType to) {
  RK_TRY(Tensor y, narrow(computed, to));
  return Tensors{std::move(y)};
}

/// How many items of `work` simple operations each are worth waking a thread for: the grain of a
/// parallel_for.
inline int64_t grain_of(int64_t work) { return 1 + (int64_t(1) << 18) / std::max<int64_t>(1, work); }

/// Calls visit(T{}) with the compute type of a dtype and returns its Result; T is float, double, int64_t or
/// uint64_t.
template <class F> auto visit_compute_type(DType t, F&& visit) {
  switch (compute_type(t)) {
    case DType::f64:
      return visit(double{});
    case DType::i64:
      return visit(int64_t{});
    case DType::u64:
      return visit(uint64_t{});
    default:
      return visit(float{});
  }
}

/// The same for float types, whose compute type is float or double; others are taken as float.
template <class F> auto visit_float_type(DType t, F&& visit) {
  return t == DType::f64 ? visit(double{}) : visit(float{});
}

/// An optional input: null when it is absent or the list ends before it.
inline const Tensor* optional_input(std::span<const Tensor> in, size_t i) {
  return i < in.size() && !is_absent(in[i]) ? &in[i] : nullptr;
}
inline const TensorType* optional_input(std::span<const TensorType> in, size_t i) {
  return i < in.size() && !is_absent(in[i]) ? &in[i] : nullptr;
}

}  // namespace rekindle
