// cumulative: running sums and products along an axis.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/op_struct.h"

namespace rekindle::ops {

enum class CumulativeOp : uint8_t { sum, prod };
inline constexpr std::array kCumulativeOpNames{std::string_view("sum"), std::string_view("prod")};
constexpr const auto& enum_names(CumulativeOp) { return kCumulativeOpNames; }

/// (x) out[i] folds x[0…i], without x[i] when exclusive, from the other end when reverse. Integers wrap.
struct Cumulative {
  CumulativeOp op = CumulativeOp::sum;
  int64_t axis = 0;
  bool exclusive = false, reverse = false;
  static constexpr auto name = "cumulative";
  static constexpr auto kind = OpKind::reduction;
  static constexpr auto fields =
      rekindle::fields("op", &Cumulative::op, "axis", &Cumulative::axis, "exclusive", &Cumulative::exclusive,
                       "reverse", &Cumulative::reverse);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

}  // namespace rekindle::ops
