// softmax(x)_i = exp(x_i - max x) / sum_j exp(x_j - max x), along one axis, and its logarithm.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/op_struct.h"

namespace rekindle::ops {

struct Softmax {
  int64_t axis = -1;
  static constexpr auto name = "softmax";
  static constexpr auto kind = OpKind::reduction;
  static constexpr auto fields = rekindle::fields("axis", &Softmax::axis);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};
/// x_i - max x - log(sum_j exp(x_j - max x))
struct LogSoftmax {
  int64_t axis = -1;
  static constexpr auto name = "log_softmax";
  static constexpr auto kind = OpKind::reduction;
  static constexpr auto fields = rekindle::fields("axis", &LogSoftmax::axis);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

}  // namespace rekindle::ops
