// Ops whose output depends on comparing values: top_k, non_zero, compress, non_max_suppression, unique.
// Most have a size that only running tells.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>

#include "math/op_struct.h"

namespace rekindle::ops {

/// (x [, k]) -> values, i64 indices: the k largest or smallest along the axis. Equal elements: the lower
/// index first. NaN counts as larger than everything. The result is in order even when `sorted` is false.
struct TopK {
  int64_t axis = -1;
  bool largest = true, sorted = true;
  Dim k = 1;
  static constexpr auto name = "top_k";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields = rekindle::fields("axis", &TopK::axis, "largest", &TopK::largest, "sorted",
                                                  &TopK::sorted, "k", &TopK::k);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (x) -> i64[rank, ?]: the coordinates of the elements that are not 0, false or "", in row-major order.
struct NonZero {
  static constexpr auto name = "non_zero";
  static constexpr auto kind = OpKind::opaque;
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (x, condition[n]) The slices along the axis whose condition is true; without an axis x is taken as flat.
/// The condition may be shorter than the axis.
struct Compress {
  std::optional<int64_t> axis;
  static constexpr auto name = "compress";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields = rekindle::fields("axis", &Compress::axis);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (boxes f32[B, N, 4], scores f32[B, C, N], max_output?, iou_threshold?, score_threshold?) -> i64[?, 3] of
/// (batch, class, box), by batch, class, then falling score. Boxes are y1 x1 y2 x2 with corners in any order,
/// or with center_point_box x y width height. max_output counts per batch and class; absent it is 0, which
/// selects nothing. A NaN score comes last, and never passes a threshold.
struct NonMaxSuppression {
  bool center_point_box = false;
  static constexpr auto name = "non_max_suppression";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields = rekindle::fields("center_point_box", &NonMaxSuppression::center_point_box);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (x) -> values, first indices, inverse indices, counts. Without an axis x is taken as flat; with one,
/// slices along it are compared. Unsorted keeps the order of first appearance.
struct Unique {
  std::optional<int64_t> axis;
  bool sorted = true;
  static constexpr auto name = "unique";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields = rekindle::fields("axis", &Unique::axis, "sorted", &Unique::sorted);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

}  // namespace rekindle::ops
