// cpu.rows and cpu.reduce: softmax, normalisations and reductions with what is elementwise before and after
// them.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/rows.h"

#include <numeric>

#include "backends/cpu/kernels/reduce.h"
#include "backends/cpu/tactics/program_of.h"
#include "backends/cpu/tactics/table.h"
#include "math/norm.h"
#include "math/softmax.h"

namespace rekindle::cpu {

namespace {

/// The kernel inputs of a head and a tail, and the programs.
struct HeadAndTail {
  Program head, tail;
  std::vector<ValueId> inputs;
};

/// `tail` after register 0 is multiplied by `scale` and added to `bias`, which become its inputs 1 and 2 when
/// present.
RegionProgram after_scale_and_bias(RegionProgram tail, ValueId scale, ValueId bias) {
  RegionProgram made;
  Program& p = made.program;
  made.inputs = {tail.inputs[0]};
  std::vector<std::string> steps;
  if (scale != ValueId::none) made.inputs.push_back(scale), steps.emplace_back("mul");
  if (bias != ValueId::none) made.inputs.push_back(bias), steps.emplace_back("add");
  const uint32_t extra = uint32_t(steps.size());
  made.inputs.insert(made.inputs.end(), tail.inputs.begin() + 1, tail.inputs.end());
  p.input_count = uint32_t(made.inputs.size());
  uint32_t result = 0;
  for (uint32_t i = 0; i < extra; ++i) {
    p.instructions.push_back({steps[i], {}, {result, i + 1}});
    result = p.input_count + i;
  }
  const auto moved = [&](uint32_t r) {
    return r == 0 ? result : r < tail.program.input_count ? r + extra : r + 2 * extra;
  };
  for (Instruction instruction : tail.program.instructions) {
    for (uint32_t& r : instruction.args) r = moved(r);
    p.instructions.push_back(std::move(instruction));
  }
  for (const uint32_t r : tail.program.outputs) p.outputs.push_back(moved(r));
  return made;
}

Result<HeadAndTail> head_and_tail(const Region& region, const AnchoredRegion& parts,
                                  ValueId scale = ValueId::none, ValueId bias = ValueId::none) {
  const ValueId x = parts.anchor->inputs[0];
  RK_CHECK(needs_f32(region, x));
  for (const ValueId v : {scale, bias})
    if (v != ValueId::none) RK_CHECK(needs_f32(region, v));
  HeadAndTail made;
  if (parts.head.empty()) {
    made.inputs = {x};
  } else {
    RK_TRY(RegionProgram head, program_of(region, parts.head, {x}));
    made.head = std::move(head.program), made.inputs = std::move(head.inputs);
  }
  RK_TRY(RegionProgram tail, tail_program(region, parts));
  tail = after_scale_and_bias(std::move(tail), scale, bias);
  made.inputs.insert(made.inputs.end(), tail.inputs.begin() + 1, tail.inputs.end());
  made.tail = std::move(tail.program);
  if (made.inputs.size() > 24)
    return refuse(std::to_string(made.inputs.size()) + " operands, at most 24 fit");
  for (ValueId v : made.inputs)
    if (!kernel_input(region, v).ok()) return refuse("%" + region.body[v].name + " is used before and after");
  return made;
}

/// The inputs, and which of them the output may overwrite: a row is read before it is written.
Status add_inputs(const Region& region, const std::vector<ValueId>& inputs, bool overwrites,
                  BuiltKernel& kernel) {
  for (ValueId v : inputs) {
    RK_TRY(KernelInput input, kernel_input(region, v));
    if (overwrites && region.body.outputs.size() == 1 && input.region_input >= 0 &&
        region.body[v].type == region.output_type(0))
      kernel.may_overwrite.push_back(uint32_t(input.region_input));
    kernel.inputs.push_back(std::move(input));
  }
  return {};
}

std::vector<int64_t> axes_from(int64_t first, int rank) {
  std::vector<int64_t> axes;
  for (int64_t a = first; a < rank; ++a) axes.push_back(a);
  return axes;
}
ValueId optional(const Node& node, size_t i) {
  return i < node.inputs.size() ? node.inputs[i] : ValueId::none;
}

struct RowsRegion {
  RowsParams params;
  std::vector<ValueId> inputs;
};

/// Fills op, axes and groups; tells which inputs of the node are scale and bias.
Status describe(const Region& region, const Node& node, RowsParams& p, ValueId& scale, ValueId& bias) {
  const TensorType& x = region.body[node.inputs[0]].type;
  const int rank = x.rank();
  const auto from_end = [&](int64_t axis) { return axis < 0 ? axis + rank : axis; };
  if (const auto* softmax = node.op.as<ops::Softmax>()) {
    p.op = RowsOp::softmax, p.axes = {from_end(softmax->axis)};
  } else if (const auto* log_softmax = node.op.as<ops::LogSoftmax>()) {
    p.op = RowsOp::log_softmax, p.axes = {from_end(log_softmax->axis)};
  } else if (const auto* layer = node.op.as<ops::LayerNorm>()) {
    p.op = RowsOp::layer_norm, p.epsilon = layer->epsilon, p.axes = axes_from(from_end(layer->axis), rank);
    scale = optional(node, 1), bias = optional(node, 2);
  } else if (const auto* rms = node.op.as<ops::RmsNorm>()) {
    p.op = RowsOp::rms_norm, p.epsilon = rms->epsilon, p.axes = axes_from(from_end(rms->axis), rank);
    scale = optional(node, 1);
  } else if (const auto* lp = node.op.as<ops::LpNormalize>()) {
    p.op = lp->p == 1 ? RowsOp::l1_norm : RowsOp::l2_norm, p.axes = {from_end(lp->axis)};
  } else if (const auto* mvn = node.op.as<ops::MeanVarianceNormalize>()) {
    p.op = RowsOp::mean_variance, p.epsilon = 1e-9f;
    for (const int64_t a : mvn->axes) p.axes.push_back(from_end(a));
  } else {
    const auto* group = node.op.as<ops::GroupNorm>();
    const auto* instance = node.op.as<ops::InstanceNorm>();
    if (!group && !instance)
      return refuse("the anchor is " + std::string(node.op.name()) + ", not softmax or a norm");
    if (rank < 2) return refuse("x has no channels");
    const auto channels = x.shape[1].as_int();
    if (instance && !channels) return refuse("the number of channels is known only at run time");
    p.op = RowsOp::layer_norm;
    p.epsilon = group ? group->epsilon : instance->epsilon;
    p.groups = group ? group->groups : *channels;
    if (p.groups <= 0) return refuse("there are no channels");
    scale = optional(node, 1), bias = optional(node, 2);
    p.channel_inputs = (scale != ValueId::none) + (bias != ValueId::none);
  }
  return {};
}

Result<RowsRegion> as_rows(const Region& region) {
  RK_TRY(const AnchoredRegion parts, split_at_anchor(region));
  RowsRegion rows;
  ValueId scale = ValueId::none, bias = ValueId::none;
  RK_CHECK(describe(region, *parts.anchor, rows.params, scale, bias));
  RK_TRY(HeadAndTail made, head_and_tail(region, parts, scale, bias));
  rows.params.head = std::move(made.head), rows.params.tail = std::move(made.tail);
  rows.inputs = std::move(made.inputs);
  return rows;
}

class RowsTactic final : public Tactic {
 public:
  std::string_view name() const override { return "cpu.rows"; }
  int version() const override { return 2; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_CHECK(as_rows(region).status());
    return Space();
  }
  Result<BuiltKernel> build(const Region& region, const Config&, const Target&) const override {
    RK_TRY(const RowsRegion rows, as_rows(region));
    BuiltKernel kernel;
    kernel.image.name = "cpu.rows";
    kernel.image.params = to_bytes(rows.params);
    kernel.strided_inputs = kernel.strided_output = true;
    RK_CHECK(add_inputs(region, rows.inputs, true, kernel));
    return kernel;
  }
};

struct ReduceRegion {
  ReduceParams params;
  std::vector<ValueId> inputs;
};

Result<ReduceRegion> as_reduce(const Region& region) {
  RK_TRY(const AnchoredRegion parts, split_at_anchor(region));
  const auto* op = parts.anchor->op.as<ops::Reduce>();
  if (!op) return refuse("the anchor is " + std::string(parts.anchor->op.name()) + ", not reduce");
  if (parts.anchor->inputs.size() != 1) return refuse("its axes are known only at run time");
  if (op->op == ops::ReduceOp::log_sum_exp) return refuse("log_sum_exp takes two passes");
  const TensorType& x = region.body[parts.anchor->inputs[0]].type;
  ReduceRegion reduce;
  reduce.params = {op->op, op->axes, op->keepdims, {}, {}};
  for (int64_t& a : reduce.params.axes) a += a < 0 ? x.rank() : 0;
  if (op->axes.empty()) reduce.params.axes = axes_from(0, x.rank());
  RK_TRY(HeadAndTail made, head_and_tail(region, parts));
  // The kernel finds the reduced shape by broadcasting the head's inputs.
  if (!parts.head.empty()) {
    bool has_whole = false;
    for (size_t i = 0; i < made.head.input_count; ++i)
      has_whole = has_whole || region.body[made.inputs[i]].type.shape == x.shape;
    if (!has_whole) return refuse("no input has the shape that is reduced");
  }
  reduce.params.head = std::move(made.head), reduce.params.tail = std::move(made.tail);
  reduce.inputs = std::move(made.inputs);
  return reduce;
}

class ReduceTactic final : public Tactic {
 public:
  std::string_view name() const override { return "cpu.reduce"; }
  int version() const override { return 2; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_CHECK(as_reduce(region).status());
    return Space();
  }
  Result<BuiltKernel> build(const Region& region, const Config&, const Target&) const override {
    RK_TRY(const ReduceRegion reduce, as_reduce(region));
    BuiltKernel kernel;
    kernel.image.name = "cpu.reduce";
    kernel.image.params = to_bytes(reduce.params);
    kernel.strided_inputs = kernel.strided_output = true;
    RK_CHECK(add_inputs(region, reduce.inputs, false, kernel));
    return kernel;
  }
};

}  // namespace

const Tactic& rows_tactic() {
  static const RowsTactic tactic;
  return tactic;
}
const Tactic& reduce_tactic() {
  static const ReduceTactic tactic;
  return tactic;
}

}  // namespace rekindle::cpu
