// What an op struct is: attributes, how types flow through it, and what it computes. No graph: the runtime
// uses these too.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>
#include <string_view>
#include <vector>

#include "base/fields.h"
#include "base/result.h"
#include "tensor/tensor.h"

namespace rekindle {

/// All that fusion needs to know of an op.
enum class OpKind : uint8_t {
  elementwise,  // out[i] depends on in[i] alone, with broadcasting
  injective,    // each output element is a copy of one input element (or a constant): an index map
  reduction,    // folds one or more axes: softmax, norms, ReduceSum, pooling
  contraction,  // sums of products: convolution, matrix multiply
  opaque,       // anything else: stands alone
};
inline constexpr std::array kOpKindNames{std::string_view("elementwise"), std::string_view("injective"),
                                         std::string_view("reduction"), std::string_view("contraction"),
                                         std::string_view("opaque")};
constexpr const auto& enum_names(OpKind) { return kOpKindNames; }

using Types = std::vector<TensorType>;

/// Which element types an elementwise op takes; infer refuses others by name.
enum class Domain : uint8_t { floating, numeric, integer, boolean, any };

/// An elementwise op gives `name`, optionally `fields`, and formula(x), formula(x, y) or formula(x, y, z), a
/// template over T. From it follow types, the reference (T = float, double, int64_t …), CUDA source (T =
/// Expr) and CPU kernels (T = Vec). Optional members: `domain` (default floating), `is_predicate` (the result
/// is boolean), `commutes`.
template <class T>
concept ElementwiseOp = requires(const T op, float x) {
  op.formula(x);
}
|| requires(const T op, float x) { op.formula(x, x); }
|| requires(const T op, float x) { op.formula(x, x, x); };

/// A structured op gives `name`, `kind`, optionally `fields`, infer and evaluate.
///   infer:    types of the inputs (see is_absent() for optional ones) to types of the outputs; it is also
///   the schema check:
///             arity, dtypes, ranks, attributes. A dim only known after running is Dim::unknown(); one
///             unknown that stands in several outputs says that they have the same size.
///   evaluate: the reference: clear, not fast. Inputs have passed infer; what only values can tell is checked
///   here.
template <class T>
concept StructuredOp = requires(const T op, std::span<const TensorType> types, std::span<const Tensor> args) {
  { T::kind } -> std::convertible_to<OpKind>;
  { op.infer(types) } -> std::same_as<Result<Types>>;
  { op.evaluate(args) } -> std::same_as<Result<Tensors>>;
};
template <class T>
concept OpStruct = ElementwiseOp<T> || StructuredOp<T>;

template <ElementwiseOp T> constexpr size_t arity_of() {
  if constexpr (requires(const T op, float x) { op.formula(x); })
    return 1;
  else if constexpr (requires(const T op, float x) { op.formula(x, x); })
    return 2;
  else
    return 3;
}
template <ElementwiseOp T> constexpr Domain domain_of() {
  if constexpr (requires { T::domain; })
    return T::domain;
  else
    return Domain::floating;
}
template <class T> constexpr bool is_predicate() {
  if constexpr (requires { T::is_predicate; })
    return T::is_predicate;
  else
    return false;
}
template <class T> constexpr bool commutes() {
  if constexpr (requires { T::commutes; })
    return T::commutes;
  else
    return false;
}

/// What stands for an absent optional input: in infer() a type that no tensor has, in evaluate() a
/// default-made Tensor.
TensorType absent_type();
bool is_absent(const TensorType& type);
inline bool is_absent(const Tensor& t) { return !t.has_data() && t.rank() == 0 && t.dtype() == DType::f32; }

/// "softmax: axis 2 is outside rank 2"
Status op_error(std::string_view op, std::string message, Where at = Where::here());
/// Error unless least <= count <= most: "softmax takes 1 input, got 2".
Status check_arity(std::string_view op, size_t count, size_t least, size_t most);
Status check_dtype(std::string_view op, const TensorType& type, Domain domain);

}  // namespace rekindle
