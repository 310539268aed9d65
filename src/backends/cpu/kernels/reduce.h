// cpu.reduce: axes folded to one number each, with what comes before and after.
// SPDX-License-Identifier: Apache-2.0
//
// inputs:  the head's (an empty head: x, f32), broadcast together to the shape that is reduced, then the
// tail's inputs
//          1 …, broadcast to the outputs' shape. outputs: the tail's. Any strides, any number type or
//          boolean.
#pragma once
#include "backends/cpu/program.h"
#include "math/reduce.h"

namespace rekindle::cpu {

struct ReduceParams {
  ops::ReduceOp op = ops::ReduceOp::sum;  // not log_sum_exp
  std::vector<int64_t> axes;              // from 0 up; none: nothing is folded
  bool keepdims = true;
  Program head, tail;
  static constexpr auto fields =
      rekindle::fields("op", &ReduceParams::op, "axes", &ReduceParams::axes, "keepdims",
                       &ReduceParams::keepdims, "head", &ReduceParams::head, "tail", &ReduceParams::tail);
};

}  // namespace rekindle::cpu
