// Picking elements by index: gather, gather_elements, gather_nd. Indices are i64 or i32; negative ones
// count from the end; one outside its axis is an error when the op runs.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/op_struct.h"

namespace rekindle::ops {

/// (x, indices) out[a…, i…, b…] = x[a…, indices[i…], b…]
struct Gather {
  int64_t axis = 0;
  static constexpr auto name = "gather";
  static constexpr auto kind = OpKind::injective;
  static constexpr auto fields = rekindle::fields("axis", &Gather::axis);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (x, indices) out has the shape of indices: out[i, j, k] = x[i, indices[i, j, k], k] for axis 1.
struct GatherElements {
  int64_t axis = 0;
  static constexpr auto name = "gather_elements";
  static constexpr auto kind = OpKind::injective;
  static constexpr auto fields = rekindle::fields("axis", &GatherElements::axis);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (x, indices) The last dim of indices holds coordinates into x after batch_dims shared leading dims; its
/// length is static.
struct GatherNd {
  int64_t batch_dims = 0;
  static constexpr auto name = "gather_nd";
  static constexpr auto kind = OpKind::injective;
  static constexpr auto fields = rekindle::fields("batch_dims", &GatherNd::batch_dims);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

}  // namespace rekindle::ops
