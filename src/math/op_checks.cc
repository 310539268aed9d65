// The texts of the checks in op_checks.h.
// SPDX-License-Identifier: Apache-2.0
#include "math/op_checks.h"

namespace rekindle {

Status check_present(std::string_view op, std::span<const TensorType> in, size_t count) {
  for (size_t i = 0; i < count; ++i)
    if (!has_input(in, i))
      return op_error(op, "input " + std::to_string(i) + " is absent, expected a tensor");
  return {};
}

Status check_indices(std::string_view op, const TensorType& type, std::string_view what) {
  if (type.dtype == DType::i64 || type.dtype == DType::i32) return {};
  return op_error(op, "the " + std::string(what) + " are " + std::string(to_string(type.dtype)) +
                          ", expected i64 or i32");
}

Result<int64_t> list_length(std::string_view op, const TensorType& type, std::string_view what) {
  if (type.rank() != 1 || !is_integer(type.dtype))
    return op_error(op,
                    "the " + std::string(what) + " is " + type.to_string() + ", expected a list of integers");
  const auto length = type.shape[0].as_int();
  if (!length)
    return op_error(op, "the " + std::string(what) + " is " + type.to_string() +
                            ", expected a length that is known before running");
  if (*length > kMostRank)
    return op_error(op, "the " + std::string(what) + " has " + std::to_string(*length) +
                            " elements, expected at most " + std::to_string(kMostRank));
  return *length;
}

Status check_scalar(std::string_view op, const TensorType& type, std::string_view what) {
  if (type.rank() == 0 || (type.rank() == 1 && (type.shape[0].is(1) || type.shape[0].is_symbolic())))
    return {};
  return op_error(op, "the " + std::string(what) + " is " + type.to_string() + ", expected one element");
}

Status check_equal_dims(std::string_view op, std::string_view what, const Dim& dim, const Dim& expected) {
  if (!dim.as_int() || !expected.as_int() || dim == expected) return {};
  return op_error(op, std::string(what) + " is " + dim.to_string() + ", expected " + expected.to_string());
}

Result<int> normalize_axis(std::string_view op, int64_t axis, int rank) {
  auto normal = normalize_axis(axis, rank);
  if (!normal.ok()) return op_error(op, normal.status().message());
  return *normal;
}

Result<Dims> concrete(std::string_view op, std::span<const Dim> dims, std::string_view what) {
  Dims sizes;
  sizes.reserve(dims.size());
  for (const Dim& d : dims) {
    const auto size = d.as_int();
    if (!size)
      return op_error(op, d.to_string() + " in the " + std::string(what) +
                              " has no value, expected a number when it is evaluated");
    sizes.push_back(*size);
  }
  return sizes;
}

Result<Dims> concrete(std::string_view op, const TensorType& type) {
  return concrete(op, type.shape, "output shape");
}

Result<Tensor> make_tensor(std::string_view op, DType dtype, Dims dims) {
  auto made = Tensor::make(dtype, std::move(dims));
  if (!made.ok())
    return Status::error(made.status().code(), std::string(op) + ": " + made.status().message());
  return made;
}

}  // namespace rekindle
