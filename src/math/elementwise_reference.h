// From a formula to the reference: types by broadcasting, evaluation element by element in the input's own
// type.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/elementwise.h"

namespace rekindle {

/// What infer and evaluate need to know of an elementwise op, without its type.
struct ElementwiseTraits {
  std::string_view name;
  size_t arity = 1;
  Domain domain = Domain::floating;
  bool is_predicate = false;   // the result is boolean
  bool has_condition = false;  // input 0 is boolean
};
template <ElementwiseOp T> constexpr ElementwiseTraits traits_of() {
  bool has_condition = false;
  if constexpr (requires { T::has_condition; }) has_condition = T::has_condition;
  return {T::name, arity_of<T>(), domain_of<T>(), is_predicate<T>(), has_condition};
}

/// A row of n elements: out[i] = formula(in[0][i], in[1][i], …), all in one C++ type.
template <class C> using RowFunction = void (*)(const void* op, const C* const* in, C* out, int64_t n);
/// The formula in each type elements are computed in; null where the domain has no such type. f16 and bf16
/// compute in float, booleans and narrow integers in the next wider entry, unsigned 64-bit in its own.
struct RowFunctions {
  RowFunction<float> f32 = nullptr;
  RowFunction<double> f64 = nullptr;
  RowFunction<int32_t> i32 = nullptr;
  RowFunction<int64_t> i64 = nullptr;
  RowFunction<uint64_t> u64 = nullptr;
};

Result<Types> infer_elementwise(const ElementwiseTraits& traits, std::span<const TensorType> in);
Result<Tensors> evaluate_elementwise(const ElementwiseTraits& traits, const RowFunctions& rows,
                                     const void* op, std::span<const Tensor> in);

/// Instantiated once for each op of elementwise.def, in elementwise_rows.cc: the loops are compiled once, not
/// everywhere.
template <ElementwiseOp T> RowFunctions row_functions();

}  // namespace rekindle
