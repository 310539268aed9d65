// cpu.arg_reduce: where along an axis the largest or least float is.
// SPDX-License-Identifier: Apache-2.0
//
// inputs: x, f32. outputs: positions, i64. Contiguous.
#pragma once
#include "math/reduce.h"

namespace rekindle::cpu {

struct ArgReduceParams {
  ops::ArgReduceOp op = ops::ArgReduceOp::max;
  int64_t axis = 0;  // from 0 up
  bool select_last = false;
  static constexpr auto fields = rekindle::fields("op", &ArgReduceParams::op, "axis", &ArgReduceParams::axis,
                                                  "select_last", &ArgReduceParams::select_last);
};

}  // namespace rekindle::cpu
