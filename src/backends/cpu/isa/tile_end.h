// The end of a tile's sums: clipping, hard swish and one number times and plus, in registers.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "backends/cpu/isa/kernels.h"
#include "backends/cpu/isa/vec.h"

namespace rekindle::cpu::RK_ISA {

/// x * max(0, min(1, x / 6 + 0.5)); NaN stays NaN.
static inline __attribute__((always_inline)) Vec hard_swish(Vec x) {
  return x * at_least(at_most(fma(x, Vec(1.0f / 6), Vec(0.5f)), Vec(1.0f)), Vec(0.0f));
}

/// The numbers of a TileEnd, each in a register.
struct EndVectors {
  Vec low, high, scale, shift;
  explicit EndVectors(const TileEnd& end)
      : low(end.low), high(end.high), scale(end.scale), shift(end.shift) {}
  inline __attribute__((always_inline)) Vec apply(const TileEnd& end, Vec y) const {
    if (end.clips) y = at_most(at_least(y, low), high);
    if (end.hard_swish) y = hard_swish(y);
    if (end.is_affine) y = fma(y, scale, shift);
    return y;
  }
};

}  // namespace rekindle::cpu::RK_ISA
