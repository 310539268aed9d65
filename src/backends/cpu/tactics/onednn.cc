// cpu.onednn.*: what oneDNN can do of convolutions, transposed convolutions and matrix products of fixed
// sizes.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/onednn.h"

#include "backends/cpu/tactics/conv_region.h"
#include "backends/cpu/tactics/table.h"
#include "math/matmul.h"

namespace rekindle::cpu {

namespace {

/// A region as the kernel will see it.
struct Work {
  OnednnParams params;
  const Tensor* weight = nullptr;  // to be packed
  ValueId x = ValueId::none, w = ValueId::none;
  TailWithBias tail;
};

/// New sizes cost new primitives, half a millisecond each: nothing for sizes that change from run to run.
Status needs_fixed_sizes(const Region& region, const Target& target) {
  if (!region.is_static()) return refuse("its sizes change, and oneDNN makes new code for each");
  if (onednn_isa() > target.isa)
    return refuse("oneDNN would use " + std::string(enum_name(onednn_isa())) + ", the target allows " +
                  std::string(enum_name(target.isa)));
  if (region.body.outputs.size() != 1)
    return refuse("it has " + std::to_string(region.body.outputs.size()) + " results");
  return {};
}

Result<ArgShape> shape_of(const TensorType& type) {
  RK_TRY(Dims dims, eval(type.shape, {}));
  return ArgShape{type.dtype, std::move(dims), {}, true};
}

/// The problem for the region's sizes, everything dense.
Result<OnednnProblem> problem_of(const Region& region, const Work& work) {
  std::vector<ArgShape> inputs(2), outputs(1);
  RK_TRY(inputs[0], shape_of(region.body[work.x].type));
  RK_TRY(inputs[1], shape_of(region.body[work.w].type));
  if (work.tail.bias != ValueId::none) {
    RK_TRY(ArgShape bias, shape_of(region.body[work.tail.bias].type));
    inputs.push_back(std::move(bias));
  }
  for (size_t i = 1; i < work.tail.rest.inputs.size(); ++i) {
    RK_TRY(ArgShape operand, shape_of(region.body[work.tail.rest.inputs[i]].type));
    inputs.push_back(std::move(operand));
  }
  RK_TRY(outputs[0], shape_of(region.output_type(0)));
  LaunchShapes shapes;
  shapes.inputs = inputs, shapes.outputs = outputs;
  if (count_of(outputs[0].dims) == 0 || count_of(inputs[0].dims) == 0) return refuse("a tensor is empty");
  return onednn_problem(work.params, shapes);
}

/// The primitive, made to be asked for its format and whether it is any good.
Result<std::unique_ptr<OnednnPrimitive>> try_out(const Region& region, const Work& work, int threads) {
  RK_TRY(OnednnProblem problem, problem_of(region, work));
  if (!work.weight) problem.weights_format = "plain";
  RK_TRY(auto primitive, OnednnPrimitive::make(problem, threads));
  if (primitive->is_reference()) return refuse("oneDNN has only its reference for it");
  if (work.weight && primitive->weights_format().empty()) return refuse("its weight format has no name");
  return primitive;
}

Result<Work> convolution(const Region& region) {
  RK_TRY(ConvRegion conv, as_conv(region));
  Work work;
  work.params.window = conv.window;
  work.params.group = conv.op->group;
  work.params.in_channels = conv.in_channels, work.params.out_channels = conv.out_channels;
  work.weight = conv.weight;
  work.x = conv.node->inputs[0], work.w = conv.node->inputs[1];
  work.tail = std::move(conv.tail);
  return work;
}

Result<Work> transposed_convolution(const Region& region) {
  RK_TRY(ConvTransposeRegion conv, as_conv_transpose(region));
  Work work;
  work.params.kind = OnednnKind::conv_transpose;
  work.params.window = conv.window;
  work.params.group = conv.op->group;
  work.params.in_channels = conv.in_channels, work.params.out_channels = conv.out_channels;
  work.weight = conv.weight;
  work.x = conv.node->inputs[0], work.w = conv.node->inputs[1];
  work.tail = std::move(conv.tail);
  return work;
}

Result<Work> product(const Region& region) {
  RK_TRY(const AnchoredRegion parts, split_at_anchor(region));
  const Node& node = *parts.anchor;
  const auto* op = node.op.as<ops::Matmul>();
  if (!op) return refuse("the anchor is " + std::string(node.op.name()) + ", not matmul");
  if (!parts.head.empty()) return refuse("something elementwise comes before the matmul");
  for (ValueId v : node.inputs) {
    RK_CHECK(needs_f32(region, v));
    if (region.body[v].type.rank() < 2) return refuse("an operand is a vector");
  }
  Work work;
  work.params.kind = OnednnKind::matmul;
  work.params.transpose_a = op->transpose_a, work.params.transpose_b = op->transpose_b;
  work.x = node.inputs[0], work.w = node.inputs[1];
  const Tensor* b = region.constant(work.w);
  if (b && b->rank() == 2 && b->count() > 0) {
    work.weight = b;
    work.params.in_channels = b->dims()[op->transpose_b ? 1 : 0];
    work.params.out_channels = b->dims()[op->transpose_b ? 0 : 1];
  }
  RK_TRY(work.tail, tail_with_bias(region, parts, region.body[node.outputs[0]].type.shape.back()));
  return work;
}

class Onednn final : public Tactic {
 public:
  using Reader = Result<Work> (*)(const Region&);
  Onednn(std::string_view name, Reader read, bool bf16) : name_(name), read_(read), bf16_(bf16) {}
  std::string_view name() const override { return name_; }
  double handicap() const override { return 1.03; }
  DType computes_in() const override { return bf16_ ? DType::bf16 : DType::f32; }

  Result<Space> offer(const Region& region, const Target& target) const override {
    RK_TRY(const Work work, read(region, target));
    RK_CHECK(try_out(region, work, target.threads).status());
    return Space();
  }

  Result<BuiltKernel> build(const Region& region, const Config&, const Target& target) const override {
    RK_TRY(Work work, read(region, target));
    RK_TRY(const auto primitive, try_out(region, work, target.threads));
    BuiltKernel kernel;
    RK_TRY(KernelInput x, kernel_input(region, work.x));
    kernel.inputs.push_back(std::move(x));
    if (work.weight) {
      work.params.isa = onednn_isa();
      work.params.weights_format = primitive->weights_format();
      RK_TRY(Tensor packed, primitive->pack(*work.weight));
      kernel.inputs.push_back({-1, std::move(packed)});
    } else {
      RK_TRY(KernelInput w, kernel_input(region, work.w));
      kernel.inputs.push_back(std::move(w));
    }
    RK_CHECK(add_tail_inputs(region, work.tail, kernel));
    kernel.may_overwrite.clear();  // sums of several k blocks may rest in the output before the tail is due
    kernel.image.name = "cpu.onednn";
    kernel.image.params = to_bytes(work.params);
    kernel.strided_inputs = kernel.strided_output = true;
    return kernel;
  }

 private:
  Result<Work> read(const Region& region, const Target& target) const {
    RK_TRY(Work work, read_(region));
    RK_CHECK(needs_fixed_sizes(region, target));
    if (bf16_ && !onednn_has_bf16()) return refuse("this machine has no instructions for bf16");
    if (bf16_ && work.params.group > 1 && work.params.group == work.params.in_channels)
      return refuse("a depthwise convolution multiplies too little to pay for the conversion");
    work.params.bf16 = bf16_;
    work.params.packed = work.weight != nullptr;
    work.params.has_bias = work.tail.bias != ValueId::none;
    work.params.tail = work.tail.rest.program;
    RK_CHECK(posts_of(work.params.tail).status());
    return work;
  }

  std::string_view name_;
  Reader read_;
  bool bf16_;
};

}  // namespace

const Tactic& onednn_conv_tactic() {
  static const Onednn tactic("cpu.onednn.conv", convolution, false);
  return tactic;
}
const Tactic& onednn_conv_transpose_tactic() {
  static const Onednn tactic("cpu.onednn.conv_transpose", transposed_convolution, false);
  return tactic;
}
const Tactic& onednn_matmul_tactic() {
  static const Onednn tactic("cpu.onednn.matmul", product, false);
  return tactic;
}

const Tactic& onednn_conv_bf16_tactic() {
  static const Onednn tactic("cpu.onednn.conv.bf16", convolution, true);
  return tactic;
}
const Tactic& onednn_matmul_bf16_tactic() {
  static const Onednn tactic("cpu.onednn.matmul.bf16", product, true);
  return tactic;
}

}  // namespace rekindle::cpu
