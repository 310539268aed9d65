// Sequences of tensors as two tensors: all elements one after the other (data), and their shapes, one row
// each: the rank, then the dims. So sequences run wherever tensors do, and elements may differ in rank.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/op_struct.h"

namespace rekindle::ops {

inline constexpr int64_t kSequenceRank = 8;                     // of the largest element
inline constexpr int64_t kSequenceColumns = kSequenceRank + 1;  // of the shapes

/// (x, …) -> data, shapes. The field is the element type, which nothing else tells when there is no x.
struct SequencePack {
  DType dtype = DType::f32;
  static constexpr auto name = "sequence_pack";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields = rekindle::fields("dtype", &SequencePack::dtype);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (data, shapes, position) -> the element there; negative positions count from the end. The field is its
/// shape, -1 for dims that only running tells.
struct SequenceAt {
  std::vector<Dim> shape = {};
  static constexpr auto name = "sequence_at";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields = rekindle::fields("shape", &SequenceAt::shape);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (data, shapes, x, position?) -> data, shapes with x before the element at the position, or at the end.
struct SequenceInsert {
  static constexpr auto name = "sequence_insert";
  static constexpr auto kind = OpKind::opaque;
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (data, shapes, position?) -> data, shapes without the element at the position, or without the last.
struct SequenceErase {
  static constexpr auto name = "sequence_erase";
  static constexpr auto kind = OpKind::opaque;
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (data, shapes) -> all elements along one axis, a new one when `stack`; `rank` is that of the result.
struct SequenceConcat {
  int64_t axis = 0, rank = 1;
  bool stack = false;
  static constexpr auto name = "sequence_concat";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields = rekindle::fields("axis", &SequenceConcat::axis, "rank",
                                                  &SequenceConcat::rank, "stack", &SequenceConcat::stack);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (x, split?) -> data, shapes: x cut along the axis into parts of the given size (a scalar; the last may be
/// smaller), sizes (a list), or 1. Only parts of size 1 from an absent split may lose the axis.
struct SequenceSplit {
  int64_t axis = 0;
  bool keepdims = true;
  static constexpr auto name = "sequence_split";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields =
      rekindle::fields("axis", &SequenceSplit::axis, "keepdims", &SequenceSplit::keepdims);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// The two tensors of a sequence, and its elements again. Errors name the op.
Result<Tensors> pack_sequence(std::string_view op, DType dtype, std::span<const Tensor> elements);
Result<Tensors> unpack_sequence(std::string_view op, const Tensor& data, const Tensor& shapes);

}  // namespace rekindle::ops
