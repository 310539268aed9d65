// cpu.quantize: quantize_linear and dequantize_linear between f32 and small integers.
// SPDX-License-Identifier: Apache-2.0
//
// inputs:  x, the scale f32 (one, or one for each position on the axis), a zero point of its shape or none.
// outputs: y of x's shape. f32 to i8, u8, i16 or u16, or back from those and, without a zero point, from i32.
//          All contiguous; sizes are free at run time.
#pragma once
#include "base/encode.h"

namespace rekindle::cpu {

struct QuantizeParams {
  bool back = false;  // dequantize
  int64_t axis = 0;   // not negative; unused when there is one scale
  static constexpr auto fields =
      rekindle::fields("back", &QuantizeParams::back, "axis", &QuantizeParams::axis);
};

}  // namespace rekindle::cpu
