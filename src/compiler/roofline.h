// What a region asks of a device whatever kernel runs it, and how fast the device could be at best.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "compiler/region.h"

namespace rekindle {

struct Roofline {
  double flop = 0;   // a multiply-add is two
  double bytes = 0;  // inputs read once, outputs written once
  double microseconds =
      0;  // the longer of both at the target's sustained rates; 0: the target has no description
  bool is_memory = false;  // which of the two it is
};

/// At the region's sizes. Operands in FP16 are counted at the rate of the fastest instructions the GPU has
/// for them.
Roofline roofline_of(const Region& region, const Target& target);

}  // namespace rekindle
