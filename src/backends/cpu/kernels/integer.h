// cpu.integer: one elementwise op on integers or booleans.
// SPDX-License-Identifier: Apache-2.0
//
// inputs:  the op's, contiguous, broadcast to the output; booleans and integers of 8 to 64 bits except u64. A
//          condition is boolean, the others share a type.
// outputs: y, contiguous; it may be the memory of an input of its shape and type.
#pragma once
#include <string>

#include "base/encode.h"

namespace rekindle::cpu {

struct IntegerParams {
  std::string op;         // a name of math/elementwise.def
  std::string op_params;  // its encoded fields
  static constexpr auto fields =
      rekindle::fields("op", &IntegerParams::op, "op_params", &IntegerParams::op_params);
};

}  // namespace rekindle::cpu
