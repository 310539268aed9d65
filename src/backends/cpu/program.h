// A fused chain or tree of elementwise ops as data: run block by block over data in L1, alone or as the tail of another
// kernel (a GEMM, a convolution, a normalisation).
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "base/encode.h"
#include "tensor/type.h"

namespace rekindle::cpu {

/// result = op(args…). Arithmetic is in f32; operands of other types are converted as they are loaded (boolean to 0 or 1).
struct Instruction {
  std::string op;              // name of an op in math/elementwise.def, or "cast"
  std::string params;          // its encoded fields
  std::vector<uint32_t> args;  // registers: inputs come first, then results in order
  static constexpr auto fields =
      rekindle::fields("op", &Instruction::op, "params", &Instruction::params, "args", &Instruction::args);
  bool operator==(const Instruction&) const = default;
};

/// Registers 0 … input_count-1 are the inputs, input_count+i is the result of instruction i. As the tail of another kernel,
/// register 0 is that kernel's own result, element by element.
struct Program {
  uint32_t input_count = 0;
  std::vector<Instruction> instructions;
  std::vector<uint32_t> outputs;  // registers; one a kernel output
  bool empty() const { return instructions.empty(); }
  static constexpr auto fields = rekindle::fields("input_count", &Program::input_count, "instructions",
                                                  &Program::instructions, "outputs", &Program::outputs);
  bool operator==(const Program&) const = default;
};

}  // namespace rekindle::cpu
