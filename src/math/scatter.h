// Writing updates at indices: scatter_elements, scatter_nd. Indices are as in gather.h.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/op_struct.h"

namespace rekindle::ops {

/// How an update meets what is there. Updates are taken in row-major order, so with `none` the last one
/// stays.
enum class ScatterReduction : uint8_t { none, add, mul, max, min };
inline constexpr std::array kScatterReductionNames{std::string_view("none"), std::string_view("add"),
                                                   std::string_view("mul"), std::string_view("max"),
                                                   std::string_view("min")};
constexpr const auto& enum_names(ScatterReduction) { return kScatterReductionNames; }

/// (x, indices, updates) For axis 1: out = x, then out[i, indices[i, j, k], k] takes updates[i, j, k].
struct ScatterElements {
  int64_t axis = 0;
  ScatterReduction reduction = ScatterReduction::none;
  static constexpr auto name = "scatter_elements";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields =
      rekindle::fields("axis", &ScatterElements::axis, "reduction", &ScatterElements::reduction);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (x, indices, updates) The last dim of indices holds coordinates of x's leading dims; its length is static.
struct ScatterNd {
  ScatterReduction reduction = ScatterReduction::none;
  static constexpr auto name = "scatter_nd";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields = rekindle::fields("reduction", &ScatterNd::reduction);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

}  // namespace rekindle::ops
