// cpu.max_unpool: elements back to where a max pool took them from, zeros elsewhere, f32.
// SPDX-License-Identifier: Apache-2.0
//
// inputs:  x and i64 indices, both [N, C, spatial…] or, channels last, [N, spatial…, C]; contiguous. Indices
//          count in the output as if it were N, C, spatial.
// outputs: y, of other spatial sizes; contiguous.
#pragma once
#include "base/encode.h"

namespace rekindle::cpu {

struct MaxUnpoolParams {
  bool channels_last = false;
  /// Rows of y, along the first spatial axis, that belong to one row of x when windows do not overlap; 0: any
  /// element may go anywhere in its plane. Only a hint: indices that say otherwise are obeyed too.
  int64_t rows_each = 0;
  static constexpr auto fields = rekindle::fields("channels_last", &MaxUnpoolParams::channels_last,
                                                  "rows_each", &MaxUnpoolParams::rows_each);
};

}  // namespace rekindle::cpu
