// Checks that many ops share, beyond op_struct.h: which inputs are there, integer inputs, symbolic fields.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/op_struct.h"

namespace rekindle {

inline constexpr int64_t kMostRank = 64;  // of a shape that only running tells; far above ONNX practice

/// Whether input i is given.
template <class T> bool has_input(std::span<const T> in, size_t i) {
  return i < in.size() && !is_absent(in[i]);
}

/// Error when one of the first `count` inputs is absent: "pad: input 0 is absent, expected a tensor".
Status check_present(std::string_view op, std::span<const TensorType> in, size_t count);
/// "gather: the indices are f32, expected i64 or i32"
Status check_indices(std::string_view op, const TensorType& type, std::string_view what = "indices");
/// "slice: the starts are i64[2, 2], expected a list of integers"; the length must be static and at most
/// kMostRank.
Result<int64_t> list_length(std::string_view op, const TensorType& type, std::string_view what);
/// A scalar or a list of one element.
Status check_scalar(std::string_view op, const TensorType& type, std::string_view what);
/// Error when both are known and differ: "concat: dim 1 of input 2 is 3, expected 4".
Status check_equal_dims(std::string_view op, std::string_view what, const Dim& dim, const Dim& expected);
/// Of two dims that must be equal, the one that says more.
inline Dim known_dim(const Dim& a, const Dim& b) { return a.as_int() ? a : b.as_int() ? b : a; }
/// normalize_axis with the op's name in the error.
Result<int> normalize_axis(std::string_view op, int64_t axis, int rank);

/// Sizes from a field, or an error when one is a symbol that has no value yet.
Result<Dims> concrete(std::string_view op, std::span<const Dim> dims, std::string_view what);
/// The type's dims, which are sizes once inputs are tensors.
Result<Dims> concrete(std::string_view op, const TensorType& type);

/// infer() on the types of tensors: what evaluate starts with, because sizes that were symbols are known only
/// now.
template <class Op> Result<Types> infer_tensors(const Op& op, std::span<const Tensor> in) {
  Types types;
  for (const Tensor& t : in) types.push_back(is_absent(t) ? absent_type() : t.type());
  return op.infer(types);
}
/// Tensor::make with the op's name in the error: sizes may come from values, so they can be anything.
Result<Tensor> make_tensor(std::string_view op, DType dtype, Dims dims);
/// The output of ops that have one, of a size that does not depend on values.
template <class Op> Result<Tensor> make_output(const Op& op, std::span<const Tensor> in) {
  RK_TRY(const Types types, infer_tensors(op, in));
  RK_TRY(Dims dims, concrete(Op::name, types[0]));
  return make_tensor(Op::name, types[0].dtype, std::move(dims));
}

}  // namespace rekindle
