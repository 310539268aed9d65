// Errors and checks every op struct shares.
// SPDX-License-Identifier: Apache-2.0
#include "math/op_struct.h"

namespace rekindle {

Status op_error(std::string_view op, std::string message, Where at) {
  return Status::error(Code::invalid_argument, std::string(op) + ": " + std::move(message), at);
}

Status check_arity(std::string_view op, size_t count, size_t least, size_t most) {
  if (count >= least && count <= most) return {};
  std::string wanted = std::to_string(least);
  if (most == SIZE_MAX)
    wanted = "at least " + wanted;
  else if (most != least)
    wanted += " to " + std::to_string(most);
  const bool one = least == 1 && (most == 1 || most == SIZE_MAX);
  return Status::error(
      Code::invalid_argument,
      std::string(op) + " takes " + wanted + (one ? " input" : " inputs") + ", got " + std::to_string(count));
}

Status check_dtype(std::string_view op, const TensorType& type, Domain domain) {
  const DType t = type.dtype;
  bool taken = false;
  std::string_view wanted;
  switch (domain) {
    case Domain::floating:
      taken = is_float(t), wanted = "a float type";
      break;
    case Domain::numeric:
      taken = is_float(t) || is_integer(t), wanted = "a number type";
      break;
    case Domain::integer:
      taken = is_integer(t), wanted = "an integer type";
      break;
    case Domain::boolean:
      taken = t == DType::boolean, wanted = "boolean";
      break;
    case Domain::any:
      taken = true;
      break;
  }
  if (taken) return {};
  return op_error(op,
                  "the element type is " + std::string(to_string(t)) + ", expected " + std::string(wanted));
}

TensorType absent_type() { return {DType::f32, {Dim(-1)}}; }
bool is_absent(const TensorType& type) { return type.shape.size() == 1 && type.shape[0].is(-1); }

}  // namespace rekindle
