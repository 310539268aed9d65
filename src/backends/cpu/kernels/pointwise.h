// cpu.pointwise: an elementwise program over broadcast operands.
// SPDX-License-Identifier: Apache-2.0
//
// inputs:  the program's inputs in order; each broadcasts to the outputs' shape; any strides, any number type
// or boolean. outputs: the program's outputs in order, all of one shape; any strides. With one output, it may
// be the memory of any input that has its shape, strides and element size.
#pragma once
#include "backends/cpu/program.h"

namespace rekindle::cpu {

struct PointwiseParams {
  Program program;
  static constexpr auto fields = rekindle::fields("program", &PointwiseParams::program);
};

}  // namespace rekindle::cpu
