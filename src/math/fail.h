// fail: an error when it runs. It stands where a graph must not go, such as a branch that the given shapes
// rule out.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "math/op_struct.h"

namespace rekindle::ops {

/// (x, …) A value of the given type that is never made. The inputs keep it from being evaluated at build.
struct Fail {
  std::string message;
  DType dtype = DType::f32;
  std::vector<Dim> shape;
  static constexpr auto name = "fail";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields =
      rekindle::fields("message", &Fail::message, "dtype", &Fail::dtype, "shape", &Fail::shape);
  Result<Types> infer(std::span<const TensorType>) const { return Types{{dtype, shape}}; }
  Result<Tensors> evaluate(std::span<const Tensor>) const {
    return Status::error(Code::invalid_argument, message.empty() ? "fail: this must not run" : message);
  }
};

}  // namespace rekindle::ops
