// cpu.pad: padding and cropping in every mode, and cpu.tile: repetition.
// SPDX-License-Identifier: Apache-2.0
//
// cpu.pad    inputs: x, value (one element; may be absent: zeros). outputs: y. scalars: the begin of each
// axis, then the
//            end of each axis, negative to crop.
// cpu.tile   inputs: x. outputs: y, its dims multiples of x's.
// Any strides; any element type of whole bytes.
#pragma once
#include "base/encode.h"
#include "math/movement.h"

namespace rekindle::cpu {

struct PadParams {
  ops::PadMode mode = ops::PadMode::constant;
  static constexpr auto fields = rekindle::fields("mode", &PadParams::mode);
};

}  // namespace rekindle::cpu
