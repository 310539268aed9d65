// cpu.attention: softmax(q k^T * scale + mask) v, block by block, without the matrix of scores.
// SPDX-License-Identifier: Apache-2.0
//
// inputs:  q [batch…, Sq, D], k [batch…, Sk, D], v [batch…, Sk, Dv], f32; mask, f32 or boolean, broadcast to
//          [batch…, Sq, Sk], when has_mask. Any strides; the last dims of q and v contiguous. Batch dims
//          broadcast.
// outputs: y [batch…, Sq, Dv]; any strides, the last dim contiguous.
// scalars: the offset of the causal diagonal, when causal.
#pragma once
#include "base/encode.h"

namespace rekindle::cpu {

struct AttentionParams {
  float scale = 0;  // 0: 1/sqrt(D)
  bool causal = false, has_mask = false;
  static constexpr auto fields =
      rekindle::fields("scale", &AttentionParams::scale, "causal", &AttentionParams::causal, "has_mask",
                       &AttentionParams::has_mask);
};

}  // namespace rekindle::cpu
