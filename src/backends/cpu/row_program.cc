// Programs over rows: strides split into those between rows and those within one.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/row_program.h"

namespace rekindle::cpu {

namespace {

Dims chosen(const Dims& all, const std::vector<size_t>& axes) {
  Dims some;
  some.reserve(axes.size());
  for (const size_t a : axes) some.push_back(all[a]);
  return some;
}

const KernelProgram& passes_through() {
  static const KernelProgram program({1, {}, {0}});
  return program;
}

}  // namespace

Result<RowProgram> RowProgram::make_head(const KernelProgram& program, std::span<const ArgShape> inputs,
                                         const RowSpace& space, Isa isa) {
  return make(program.program().empty() ? passes_through() : program, inputs, {}, space, isa);
}

Result<RowProgram> RowProgram::make_tail(const KernelProgram& program, std::span<const ArgShape> inputs,
                                         std::span<const ArgShape> outputs, const RowSpace& space, Isa isa) {
  const bool is_empty = program.program().empty() && program.program().outputs.empty();
  return make(is_empty ? passes_through() : program, inputs, outputs, space, isa);
}

Result<RowProgram> RowProgram::make(const KernelProgram& program, std::span<const ArgShape> inputs,
                                    std::span<const ArgShape> outputs, const RowSpace& space, Isa isa) {
  RowProgram made;
  made.is_head_ = outputs.empty();
  made.outputs_ = outputs.size();
  if (inputs.size() + outputs.size() > kMost)
    return Status::error(Code::unsupported, "a program over rows has " +
                                                std::to_string(inputs.size() + outputs.size()) +
                                                " operands, expected at most " + std::to_string(kMost));
  std::vector<Dims> outer, inner;
  std::vector<DType> types;
  const size_t arguments = inputs.size() + outputs.size();
  outer.reserve(arguments), inner.reserve(arguments), types.reserve(arguments),
      made.bytes_.reserve(arguments);
  const auto add = [&](const ArgShape& arg) -> Status {
    if (bits_of(arg.dtype) < 8)
      return Status::error(Code::unsupported, "an operand of rows is " + std::string(to_string(arg.dtype)));
    RK_TRY(const Dims strides, broadcast_strides(arg, space.dims));
    outer.push_back(chosen(strides, space.outer));
    inner.push_back(chosen(strides, space.row));
    made.bytes_.push_back(bits_of(arg.dtype) / 8);
    types.push_back(arg.dtype);
    return {};
  };
  for (const ArgShape& out : outputs) {
    if (out.dims != space.dims)
      return Status::error(Code::invalid_argument, "an output has shape " + to_string(out.dims) +
                                                       ", expected " + to_string(space.dims));
    RK_CHECK(add(out));
  }
  for (const ArgShape& in : inputs) RK_CHECK(add(in));
  RK_TRY(made.outer_, LoopNest::make(chosen(space.dims, space.outer), outer, false));
  RK_TRY(made.inner_, LoopNest::make(chosen(space.dims, space.row), inner, false));
  const size_t depth = made.inner_.depth();
  if (depth > 0) made.segment_ = made.inner_.dims.back(), made.segments_ = made.inner_.iterations(depth - 1);
  const auto operand = [&](size_t k) {
    const int64_t step = depth > 0 ? made.inner_.strides[k].back() : 1;
    const bool is_output = k < made.outputs_;
    return Operand{types[k], step == 1                 ? Operand::Step::contiguous
                             : step == 0 && !is_output ? Operand::Step::scalar
                                                       : Operand::Step::strided};
  };
  std::vector<Operand> in, out;
  in.reserve(arguments + 1), out.reserve(arguments + 1);
  const Operand floats{DType::f32, Operand::Step::contiguous};
  (made.is_head_ ? out : in).push_back(floats);
  for (size_t k = 0; k < types.size(); ++k) (k < made.outputs_ ? out : in).push_back(operand(k));
  const bool computes = !program.program().empty() || types.size() != 1;
  made.is_direct_ =
      !computes && types[0] == DType::f32 && depth <= 1 && operand(0).step == Operand::Step::contiguous;
  RK_TRY(made.program_, program.bind(in, out, isa));
  return made;
}

void RowProgram::run(const LoopPosition& at, const void* const* inputs, void* const* outputs, float* buffer,
                     float* scratch) const {
  ConstRow in[kMost + 1];
  Row out[kMost + 1];
  const size_t count = bytes_.size(), depth = inner_.depth();
  LoopPosition within(inner_, depth == 0 ? 0 : depth - 1, 0);
  for (int64_t s = 0; s < segments_; ++s, within.next()) {
    float* const floats = buffer + s * segment_;
    if (is_head_)
      out[0] = {floats, 1};
    else
      in[0] = {floats, 1};
    for (size_t k = 0; k < count; ++k) {
      const int64_t start = (at.offset(k) + within.offset(k)) * bytes_[k];
      const int64_t step = depth > 0 ? inner_.strides[k].back() : 1;
      if (k < outputs_)
        out[k] = {static_cast<char*>(outputs[k]) + start, step};
      else
        in[k - outputs_ + (is_head_ ? 0 : 1)] = {static_cast<const char*>(inputs[k - outputs_]) + start,
                                                 step};
    }
    program_->run(in, out, segment_, scratch);
  }
}

}  // namespace rekindle::cpu
