// cpu.top_k: the k largest or smallest of each line, f32, in order.
// SPDX-License-Identifier: Apache-2.0
//
// inputs:  x, contiguous.
// outputs: values and i64 indices, with k elements along the axis; contiguous. Sizes, k too, are free at run
// time.
#pragma once
#include "base/encode.h"

namespace rekindle::cpu {

struct TopKParams {
  int64_t axis = 0;  // not negative
  bool largest = true;
  static constexpr auto fields = rekindle::fields("axis", &TopKParams::axis, "largest", &TopKParams::largest);
};

}  // namespace rekindle::cpu
