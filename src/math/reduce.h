// Folding axes to one number: sums, extremes, norms; and the position of the extreme.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/op_struct.h"

namespace rekindle::ops {

enum class ReduceOp : uint8_t { sum, mean, max, min, prod, l1, l2, log_sum, log_sum_exp, sum_square };
inline constexpr std::array kReduceOpNames{std::string_view("sum"),         std::string_view("mean"),
                                           std::string_view("max"),         std::string_view("min"),
                                           std::string_view("prod"),        std::string_view("l1"),
                                           std::string_view("l2"),          std::string_view("log_sum"),
                                           std::string_view("log_sum_exp"), std::string_view("sum_square")};
constexpr const auto& enum_names(ReduceOp) { return kReduceOpNames; }

/// (x [, axes])  Empty axes mean all. An empty set gives the op's identity: 0, 1 for prod, the lowest or
/// highest value for max and min (infinite for floats), -inf for log_sum and log_sum_exp, NaN for mean.
/// Integers wrap; their mean truncates. The run-time axes (i64, empty for all) are for keepdims, or for a
/// known number of them.
struct Reduce {
  ReduceOp op = ReduceOp::sum;
  std::vector<int64_t> axes = {};
  bool keepdims = true;
  static constexpr auto name = "reduce";
  static constexpr auto kind = OpKind::reduction;
  static constexpr auto fields =
      rekindle::fields("op", &Reduce::op, "axes", &Reduce::axes, "keepdims", &Reduce::keepdims);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

enum class ArgReduceOp : uint8_t { max, min };
inline constexpr std::array kArgReduceOpNames{std::string_view("max"), std::string_view("min")};
constexpr const auto& enum_names(ArgReduceOp) { return kArgReduceOpNames; }

/// (x) -> i64: where along the axis the extreme is, the first or the last of equals. NaN is beyond every
/// number.
struct ArgReduce {
  ArgReduceOp op = ArgReduceOp::max;
  int64_t axis = 0;
  bool keepdims = true, select_last = false;
  static constexpr auto name = "arg_reduce";
  static constexpr auto kind = OpKind::reduction;
  static constexpr auto fields =
      rekindle::fields("op", &ArgReduce::op, "axis", &ArgReduce::axis, "keepdims", &ArgReduce::keepdims,
                       "select_last", &ArgReduce::select_last);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

}  // namespace rekindle::ops
