// Which input elements, and how much of each, make an output element of resize along one axis.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "math/resize.h"

namespace rekindle::ops {

/// One resized axis of a run.
struct ResizedAxis {
  int axis = 0;
  int64_t in = 1, out = 1;
  float scale = 1;
  float roi_start = 0, roi_end = 1;  // tf_crop_and_resize
};

struct Tap {
  int64_t index;
  double weight;
};
struct AxisTaps {
  std::vector<Tap> taps;
  std::vector<size_t> begin;  // of output o: taps begin[o] … begin[o + 1]
  std::vector<bool> outside;  // tf_crop_and_resize: the output is the extrapolation value
};
/// The input must not be empty unless the output is.
AxisTaps make_taps(const Resize& op, const ResizedAxis& axis);

}  // namespace rekindle::ops
