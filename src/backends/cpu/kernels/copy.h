// cpu.copy: a strided view of the input, copied: copy, slice, expand, transpose.
// SPDX-License-Identifier: Apache-2.0
//
// inputs:  x; any strides, any element type of whole bytes.
// outputs: y; any strides. Its shape is what the view broadcasts to.
// scalars: the start along each of `axes`.
#pragma once
#include <vector>

#include "base/encode.h"

namespace rekindle::cpu {

struct CopyParams {
  std::vector<int64_t> perm;         // dim i of the view is dim perm[i] of x; empty: as they are
  std::vector<int64_t> axes, steps;  // of a slice; the output's dims tell how many elements
  static constexpr auto fields =
      rekindle::fields("perm", &CopyParams::perm, "axes", &CopyParams::axes, "steps", &CopyParams::steps);
};

}  // namespace rekindle::cpu
