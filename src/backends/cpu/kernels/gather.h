// cpu.gather: out[a…, i…, b…] = x[a…, indices[i…], b…].
// SPDX-License-Identifier: Apache-2.0
//
// inputs: x, any element type of whole bytes; indices, i64 or i32, negative ones count from the end. outputs:
// y. Contiguous. An index outside the axis is an error of the run.
#pragma once
#include "base/encode.h"

namespace rekindle::cpu {

struct GatherParams {
  int64_t axis = 0;  // from 0 up
  static constexpr auto fields = rekindle::fields("axis", &GatherParams::axis);
};

}  // namespace rekindle::cpu
