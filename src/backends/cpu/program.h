// A fused chain or tree of elementwise ops as data, run block by block over data in L1, alone or as a tail.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "backends/cpu/isa/kernels.h"
#include "base/encode.h"
#include "tensor/target.h"
#include "tensor/type.h"

namespace rekindle::cpu {

/// result = op(args…). Arithmetic is in f32; operands of other types are converted as they are loaded
/// (boolean to 0 or 1).
struct Instruction {
  std::string op;              // name of an op in math/elementwise.def, or "cast"
  std::string params;          // its encoded fields
  std::vector<uint32_t> args;  // registers: inputs come first, then results in order
  static constexpr auto fields =
      rekindle::fields("op", &Instruction::op, "params", &Instruction::params, "args", &Instruction::args);
  bool operator==(const Instruction&) const = default;
};

/// Registers 0 … input_count-1 are the inputs, input_count+i is the result of instruction i. As the tail of
/// another kernel, register 0 is that kernel's own result, element by element.
struct Program {
  uint32_t input_count = 0;
  std::vector<Instruction> instructions;
  std::vector<uint32_t> outputs;  // registers; one a kernel output
  bool empty() const { return instructions.empty(); }
  static constexpr auto fields = rekindle::fields("input_count", &Program::input_count, "instructions",
                                                  &Program::instructions, "outputs", &Program::outputs);
  bool operator==(const Program&) const = default;
};

/// An op of math/elementwise.def made ready: its parameters decoded, its place in the list known.
struct BoundOp {
  int index = -1;  // in elementwise.def
  size_t arity = 0;
  std::shared_ptr<const void> op;  // the struct
};
/// The op by name with its encoded parameters. Errors: no such op, damaged parameters.
Result<BoundOp> bind_op(const std::string& name, const std::string& params);

/// How an input or output of a program lies along a row; outputs are no scalars.
struct Operand {
  enum class Step : uint8_t { contiguous, scalar, strided };
  DType dtype = DType::f32;
  Step step = Step::contiguous;
  bool operator==(const Operand&) const = default;
};
struct ConstRow {
  const void* data = nullptr;
  int64_t stride = 1;  // elements; used by strided operands
};
struct Row {
  void* data = nullptr;
  int64_t stride = 1;
};

/// A program made ready for operands of given kinds; immutable.
class BoundProgram {
 public:
  static constexpr int64_t kBlock =
      1024;  // elements worked on at once: 4 KiB a stream, some streams fit into L1
  /// Checks everything: op names, parameters, arities, registers, types.
  static Result<BoundProgram> bind(const Program& program, std::span<const Operand> inputs,
                                   std::span<const Operand> outputs, Isa isa);
  /// Floats of memory that one run at a time needs.
  int64_t scratch_floats() const { return blocks_ * kBlock; }
  /// n elements of every row. An output may be the same memory as an input of its type, element for element.
  void run(const ConstRow* inputs, const Row* outputs, int64_t n, float* scratch) const;

 private:
  /// Where a value is during a block.
  struct Place {
    enum Kind : uint8_t { input, scalar, block, output } kind = input;
    uint32_t index = 0;
  };
  struct Step {
    RowKernel run = nullptr;
    std::shared_ptr<const void> op;
    uint32_t arity = 0;
    Place args[3];
    Place result;
  };
  struct Load {  // into block `block`, before the steps
    uint32_t input = 0, block = 0;
    Widen widen = nullptr;  // null: fill with the scalar
    bool filled = false;
  };
  struct Scalar {
    uint32_t input = 0;
    Widen widen = nullptr;
  };
  struct Store {  // of a result that a step could not write itself
    Place from;
    uint32_t output = 0;
    Narrow narrow = nullptr;
  };
  struct Binder;
  static constexpr size_t kMostInputs = 32;

  void run_block(const ConstRow* inputs, const Row* outputs, const float* scalars, int64_t done, int64_t n,
                 float* scratch) const;

  std::vector<Step> steps_;
  std::vector<Load> loads_;
  std::vector<Scalar> scalars_;
  std::vector<Store> stores_;
  std::vector<int64_t> element_bytes_;  // of inputs, then outputs
  size_t input_count_ = 0;
  int64_t blocks_ = 0;
};

/// The program of a loaded kernel and what has been bound of it: binding depends on kinds of operands, not on
/// sizes, so that all launches of a kernel share the little that there is. Any thread may use it.
class KernelProgram {
 public:
  explicit KernelProgram(Program program) : program_(std::move(program)) {}
  const Program& program() const { return program_; }
  Result<std::shared_ptr<const BoundProgram>> bind(std::span<const Operand> inputs,
                                                   std::span<const Operand> outputs, Isa isa) const;

 private:
  struct Bound {
    std::vector<Operand> inputs, outputs;
    Isa isa;
    std::shared_ptr<const BoundProgram> program;
  };
  static constexpr size_t kMostBound = 16;  // kinds are few: a dim of 1 or not, a row or not

  const Program program_;
  mutable std::mutex mutex_;
  mutable std::vector<Bound> bound_;
};

}  // namespace rekindle::cpu
