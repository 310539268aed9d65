// Matrix multiplication and attention.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/op_struct.h"

namespace rekindle::ops {

/// (a, b) numpy's matmul: the last two dims are matrices, those before broadcast; a vector is a row on the
/// left, a column on the right, and its dim vanishes. The flags swap the last two dims of an operand (not of
/// a vector). Integers wrap.
struct Matmul {
  bool transpose_a = false, transpose_b = false;
  static constexpr auto name = "matmul";
  static constexpr auto kind = OpKind::contraction;
  static constexpr auto fields =
      rekindle::fields("transpose_a", &Matmul::transpose_a, "transpose_b", &Matmul::transpose_b);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// (q[…, Sq, D], k[…, Sk, D], v[…, Sk, Dv], mask?) -> […, Sq, Dv]: softmax(q k^T * scale + mask) v. The dims
/// before broadcast. The mask broadcasts to […, Sq, Sk]: added when it is of a float type, or keeping where
/// true. A scale of 0 means 1/sqrt(D). A query that sees no key gives zeros.
struct Attention {
  float scale = 0;
  bool causal = false;    // query i sees the keys j <= i + causal_offset
  Dim causal_offset = 0;  // the length of the past that k and v begin with
  static constexpr auto name = "attention";
  static constexpr auto kind = OpKind::contraction;
  static constexpr auto fields = rekindle::fields("scale", &Attention::scale, "causal", &Attention::causal,
                                                  "causal_offset", &Attention::causal_offset);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

}  // namespace rekindle::ops
