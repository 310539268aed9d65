// Ops of models that write one token after the other: a state that every token changes, and a cache.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/op_struct.h"

namespace rekindle::ops {

enum class StateRule : uint8_t { linear, gated, delta, gated_delta };
inline constexpr std::array kStateRuleNames{std::string_view("linear"), std::string_view("gated"),
                                            std::string_view("delta"), std::string_view("gated_delta")};
constexpr const auto& enum_names(StateRule) { return kStateRuleNames; }

/// (q[B, T, Hq*Dk], k[B, T, H*Dk], v[B, T, H*Dv], past[B, H, Dk, Dv]?, decay[B, T, H or H*Dk]?, beta[B, T, H
/// or 1]?) -> y[B, T, Hq*Dv], state[B, H, Dk, Dv]. Each token changes its head's state S: gated rules
/// multiply it by exp(decay); linear ones add k v^T, delta ones beta * k (v - S^T k)^T; then y = scale * S^T
/// q. A scale of 0 means 1/sqrt(Dk). Computed in f32 at least.
struct LinearAttention {
  int64_t query_heads = 1, heads = 1;
  StateRule rule = StateRule::gated_delta;
  float scale = 0;
  static constexpr auto name = "linear_attention";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields =
      rekindle::fields("query_heads", &LinearAttention::query_heads, "heads", &LinearAttention::heads, "rule",
                       &LinearAttention::rule, "scale", &LinearAttention::scale);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (cache, update, positions[B]?) The cache with the update written along the axis from each batch item's
/// position on; circular: the positions wrap around.
struct CacheUpdate {
  int64_t axis = -2;
  bool circular = false;
  static constexpr auto name = "cache_update";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields =
      rekindle::fields("axis", &CacheUpdate::axis, "circular", &CacheUpdate::circular);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

}  // namespace rekindle::ops
