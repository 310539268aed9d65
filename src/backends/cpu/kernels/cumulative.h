// cpu.cumulative: running sums and products along an axis, f32, i32 or i64.
// SPDX-License-Identifier: Apache-2.0
//
// inputs:  x, contiguous.
// outputs: y of its shape and type, contiguous; it may be the memory of x. Sizes are free at run time.
#pragma once
#include "base/encode.h"
#include "math/cumulative.h"

namespace rekindle::cpu {

struct CumulativeParams {
  ops::CumulativeOp op = ops::CumulativeOp::sum;
  int64_t axis = 0;  // not negative
  bool exclusive = false, reverse = false;
  static constexpr auto fields =
      rekindle::fields("op", &CumulativeParams::op, "axis", &CumulativeParams::axis, "exclusive",
                       &CumulativeParams::exclusive, "reverse", &CumulativeParams::reverse);
};

}  // namespace rekindle::cpu
