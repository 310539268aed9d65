// Random numbers that only depend on a seed and their position, so that every run of every device draws the
// same.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/op_struct.h"

namespace rekindle::ops {

enum class Distribution : uint8_t { uniform, normal };
inline constexpr std::array kDistributionNames{std::string_view("uniform"), std::string_view("normal")};
constexpr const auto& enum_names(Distribution) { return kDistributionNames; }

/// () -> shape. uniform: low + u * (high - low) with u in [0, 1); normal: the mean is `low`, the deviation
/// `high`.
struct Random {
  Distribution distribution = Distribution::uniform;
  DType dtype = DType::f32;
  std::vector<Dim> shape = {};
  float low = 0, high = 1;
  int64_t seed = 0;
  static constexpr auto name = "random";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields =
      rekindle::fields("distribution", &Random::distribution, "dtype", &Random::dtype, "shape",
                       &Random::shape, "low", &Random::low, "high", &Random::high, "seed", &Random::seed);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

}  // namespace rekindle::ops
