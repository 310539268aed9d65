// cpu.resize: samples on a finer or coarser grid.
// SPDX-License-Identifier: Apache-2.0
//
// inputs: x; any element type of whole bytes and any strides for nearest neighbours, else f32 and contiguous.
// outputs: y, likewise. Sizes are those of the outputs; a scale that is not given is their ratio.
#pragma once
#include "math/resize.h"

namespace rekindle::cpu {

struct ResizeParams {
  ops::Resize op;  // axes from 0 up; neither a region of interest nor a kept aspect ratio
  static constexpr auto fields = rekindle::fields("op", &ResizeParams::op);
};

}  // namespace rekindle::cpu
