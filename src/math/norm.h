// Normalisations: (x - mean) / sqrt(variance + epsilon) over different sets of elements, and their relatives.
// Scale and bias have the element type of x or f32; statistics are not rounded to x's type.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/op_struct.h"

namespace rekindle::ops {

/// (x, scale?, bias?) over the axes from `axis` on; scale and bias broadcast to those dims.
struct LayerNorm {
  int64_t axis = -1;
  float epsilon = 1e-5f;
  static constexpr auto name = "layer_norm";
  static constexpr auto kind = OpKind::reduction;
  static constexpr auto fields = rekindle::fields("axis", &LayerNorm::axis, "epsilon", &LayerNorm::epsilon);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};
/// (x, scale?) x / sqrt(mean of squares + epsilon) over the axes from `axis` on.
struct RmsNorm {
  int64_t axis = -1;
  float epsilon = 1e-5f;
  static constexpr auto name = "rms_norm";
  static constexpr auto kind = OpKind::reduction;
  static constexpr auto fields = rekindle::fields("axis", &RmsNorm::axis, "epsilon", &RmsNorm::epsilon);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};
/// (x[N, C, …], scale[C]?, bias[C]?) over each group of C/groups channels.
struct GroupNorm {
  int64_t groups = 1;
  float epsilon = 1e-5f;
  static constexpr auto name = "group_norm";
  static constexpr auto kind = OpKind::reduction;
  static constexpr auto fields =
      rekindle::fields("groups", &GroupNorm::groups, "epsilon", &GroupNorm::epsilon);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};
/// (x[N, C, …], scale[C], bias[C]) over each channel of each item.
struct InstanceNorm {
  float epsilon = 1e-5f;
  static constexpr auto name = "instance_norm";
  static constexpr auto kind = OpKind::reduction;
  static constexpr auto fields = rekindle::fields("epsilon", &InstanceNorm::epsilon);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};
/// (x[N, C, …], scale[C], bias[C], mean[C], variance[C]) with given statistics; a vector x is one channel.
struct BatchNorm {
  float epsilon = 1e-5f;
  static constexpr auto name = "batch_norm";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields = rekindle::fields("epsilon", &BatchNorm::epsilon);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};
/// (x) x / (sum of |x|^p)^(1/p) along the axis, p being 1 or 2; a line of zeros stays zeros.
struct LpNormalize {
  int64_t axis = -1, p = 2;
  static constexpr auto name = "lp_normalize";
  static constexpr auto kind = OpKind::reduction;
  static constexpr auto fields = rekindle::fields("axis", &LpNormalize::axis, "p", &LpNormalize::p);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};
/// (x) (x - mean) / (standard deviation + 1e-9) over the axes.
struct MeanVarianceNormalize {
  std::vector<int64_t> axes = {0, 2, 3};
  static constexpr auto name = "mean_variance_normalize";
  static constexpr auto kind = OpKind::reduction;
  static constexpr auto fields = rekindle::fields("axes", &MeanVarianceNormalize::axes);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};
/// (x[N, C, …]) x / (bias + alpha/size * sum of squares)^beta, the sum over `size` channels around each one,
/// floor((size-1)/2) before it and ceil((size-1)/2) after.
struct Lrn {
  int64_t size = 1;
  float alpha = 1e-4f, beta = 0.75f, bias = 1;
  static constexpr auto name = "lrn";
  static constexpr auto kind = OpKind::reduction;
  static constexpr auto fields =
      rekindle::fields("size", &Lrn::size, "alpha", &Lrn::alpha, "beta", &Lrn::beta, "bias", &Lrn::bias);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

}  // namespace rekindle::ops
