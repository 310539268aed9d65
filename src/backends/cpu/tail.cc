// Recognising tails that fit registers, and running the others over tiles.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/tail.h"

#include <cmath>
#include <cstring>

#include "math/elementwise.h"

namespace rekindle::cpu {

namespace {

const KernelProgram& nothing_follows() {
  static const KernelProgram program({1, {}, {0}});
  return program;
}

}  // namespace

Result<Tail> Tail::make(const KernelProgram& source, std::span<const ArgShape> operands,
                        std::span<const ArgShape> outputs, Isa isa, bool allow_registers) {
  const bool is_empty = source.program().input_count == 0 && source.program().outputs.empty();
  const KernelProgram& used = is_empty ? nothing_follows() : source;
  const Program& program = used.program();
  if (program.input_count != operands.size() + 1 || program.outputs.size() != outputs.size() ||
      outputs.empty() || operands.size() + outputs.size() > kMost)
    return Status::error(Code::invalid_argument,
                         "a tail of " + std::to_string(program.input_count) + " inputs and " +
                             std::to_string(program.outputs.size()) + " outputs runs on 1 + " +
                             std::to_string(operands.size()) + " and " + std::to_string(outputs.size()));
  Tail tail;
  tail.source_ = &used;
  tail.isa_ = isa;
  tail.output_count_ = outputs.size();
  tail.sides_.reserve(outputs.size() + operands.size());
  tail.row_strides_.reserve(outputs.size() + operands.size());
  const Dims& dims = outputs[0].dims;
  if (dims.empty()) return Status::error(Code::invalid_argument, "the result of a product has rank 0");
  for (size_t i = 0; i < outputs.size() + operands.size(); ++i) {
    const bool is_output = i < outputs.size();
    const ArgShape& arg = is_output ? outputs[i] : operands[i - outputs.size()];
    if (is_output && arg.dims != dims)
      return Status::error(Code::invalid_argument, "a tail has outputs of shapes " + to_string(dims) +
                                                       " and " + to_string(arg.dims) +
                                                       ", expected one shape");
    RK_TRY(Dims strides, broadcast_strides(arg, dims));
    Side side;
    side.dtype = arg.dtype;
    side.bytes = bits_of(arg.dtype) / 8;
    side.column_step = dims.back() == 1 ? 1 : strides.back();
    side.widen = program_kernels(isa).widen[int(arg.dtype)];
    side.narrow = program_kernels(isa).narrow[int(arg.dtype)];
    strides.pop_back();
    side.is_scalar = side.column_step == 0 && strides == Dims(strides.size(), 0);
    tail.row_strides_.push_back(std::move(strides));
    tail.sides_.push_back(side);
  }
  tail.in_registers_ = allow_registers && tail.recognize();
  return tail;
}

/// What tile kernels do themselves: [add a matrix or row], [relu, clip or hard swish], [times a number],
/// [plus a number].
bool Tail::recognize() {
  if (output_count_ != 1 || sides_[0].dtype != DType::f32 || sides_[0].column_step != 1) return false;
  const Program& program = source_->program();
  uint32_t value = 0;
  for (size_t i = 0; i < program.instructions.size(); ++i) {
    const Instruction& instruction = program.instructions[i];
    const bool taken =
        instruction.args.size() == 2 ? take_operand(instruction, value) : take_activation(instruction, value);
    if (!taken) return false;
    value = uint32_t(program.input_count + i);
  }
  return program.outputs[0] == value;
}

bool Tail::take_operand(const Instruction& instruction, uint32_t value) {
  const bool first = instruction.args[0] == value;
  const uint32_t other = instruction.args[first ? 1 : 0];
  if ((!first && instruction.args[1] != value) || other == 0 || other >= source_->program().input_count)
    return false;
  const int operand = int(other) - 1;
  const Side& side = sides_[output_count_ + size_t(operand)];
  if (side.dtype != DType::f32) return false;
  const bool adds = instruction.op == ops::Add::name, multiplies = instruction.op == ops::Mul::name;
  if (side.is_scalar && multiplies && scale_ < 0 && shift_ < 0) {
    scale_ = operand;
  } else if (side.is_scalar && adds && shift_ < 0) {
    shift_ = operand;
  } else if (adds && side.column_step == 1 && addend_ < 0 && !end_.clips && !end_.hard_swish &&
             !end_.is_affine) {
    addend_ = operand;
    return true;
  } else {
    return false;
  }
  end_.is_affine = true;
  return true;
}

bool Tail::take_activation(const Instruction& instruction, uint32_t value) {
  if (instruction.args != std::vector<uint32_t>{value} || end_.clips || end_.hard_swish || end_.is_affine)
    return false;
  end_.low = 0, end_.high = INFINITY;
  if (instruction.op == ops::HardSwish::name) {
    end_.hard_swish = true;
    return true;
  }
  if (instruction.op == ops::Clip::name) {
    const auto clip = from_bytes<ops::Clip>(instruction.params);
    if (!clip.ok() || std::isnan(clip->low) || std::isnan(clip->high)) return false;
    end_.low = clip->low, end_.high = clip->high;
  } else if (instruction.op != ops::Relu::name) {
    return false;
  }
  end_.clips = true;
  return true;
}

Status Tail::set_rows(const LoopNest& nest, int64_t tile_floats) {
  tile_floats_ = tile_floats;
  staged_ = 0;
  std::vector<Operand> kinds(1), results;
  kinds.reserve(sides_.size() + 1);
  for (size_t i = 0; i < sides_.size(); ++i) {
    Side& side = sides_[i];
    side.row_step = nest.strides[i].back();
    const bool is_output = i < output_count_;
    if (is_output)
      side.stage = i == 0 ? -1 : staged_++;
    else if (!side.is_scalar)
      side.stage = staged_++;
    const Operand kind =
        side.is_scalar && !is_output ? Operand{side.dtype, Operand::Step::scalar} : Operand{};
    (is_output ? results : kinds).push_back(kind);
    if (!side.narrow || !side.widen)
      return Status::error(Code::unsupported, "a tail on " + std::string(to_string(side.dtype)) +
                                                  ", expected numbers or booleans");
  }
  if (in_registers_) return {};
  RK_TRY(program_, source_->bind(kinds, results, isa_));
  return {};
}

Tail::Frame Tail::frame(void* const* outputs, const void* const* operands, const LoopPosition& at) const {
  Frame frame;
  for (size_t i = 0; i < sides_.size(); ++i) {
    const int64_t bytes = at.offset(i) * sides_[i].bytes;
    if (i < output_count_)
      frame.outputs[i] = static_cast<char*>(outputs[i]) + bytes;
    else
      frame.operands[i - output_count_] = static_cast<const char*>(operands[i - output_count_]) + bytes;
  }
  return frame;
}

void Tail::finish(float* tile, int64_t floats, const Frame& frame, int64_t row, int64_t height,
                  int64_t column, int64_t columns, float* scratch) const {
  float* const stages = scratch + program_->scratch_floats();
  ConstRow in[kMost + 1];
  Row out[kMost];
  in[0] = {tile, 1};
  for (size_t i = 0; i < sides_.size(); ++i) {
    const Side& side = sides_[i];
    float* const stage = side.stage < 0 ? tile : stages + side.stage * tile_floats_;
    if (i < output_count_) {
      out[i] = {stage, 1};
      continue;
    }
    const size_t operand = i - output_count_;
    const char* from =
        frame.operands[operand] + (row * side.row_step + column * side.column_step) * side.bytes;
    in[operand + 1] = {side.is_scalar ? static_cast<const void*>(from) : stage, side.is_scalar ? 0 : 1};
    if (side.is_scalar) continue;
    for (int64_t r = 0; r < height; ++r)
      side.widen(from + r * side.row_step * side.bytes, side.column_step, stage + r * floats, columns);
  }
  program_->run(in, out, height * floats, scratch);
  for (size_t i = 0; i < output_count_; ++i) {
    const Side& side = sides_[i];
    char* to = frame.outputs[i] + (row * side.row_step + column * side.column_step) * side.bytes;
    const float* from = static_cast<const float*>(out[i].data);
    for (int64_t r = 0; r < height; ++r)
      side.narrow(from + r * floats, to + r * side.row_step * side.bytes, side.column_step, columns);
  }
}

}  // namespace rekindle::cpu
