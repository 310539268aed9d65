// cuda.conv_transpose: transposed convolutions with an elementwise tail, channels last.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tactics/conv_shape.h"
#include "backends/cuda/tactics/epilogue.h"
#include "backends/cuda/tactics/table.h"
#include "backends/cuda/tactics/tile.h"

namespace rekindle::cuda {

namespace {

struct TransposeRegion {
  AnchoredRegion parts;
  const Tensor* weight = nullptr;  // [C, O, kernel…]
  ValueId bias = ValueId::none;
  WindowShape shape;
  int64_t filters = 1;
};

Result<TransposeRegion> as_transpose(const Region& region) {
  TransposeRegion made;
  RK_TRY(made.parts, split_at_anchor(region));
  const Node& node = *made.parts.anchor;
  const auto* op = node.op.as<ops::ConvTranspose>();
  if (!op) return refuse("the anchor is " + std::string(node.op.name()) + ", not conv_transpose");
  if (!made.parts.head.empty()) return refuse("something elementwise comes before the convolution");
  if (op->group != 1) return refuse("it has " + std::to_string(op->group) + " groups, needs 1");
  if (op->auto_pad != ops::AutoPad::explicit_pads || !op->output_shape.empty())
    return refuse("its padding follows from the output's shape");
  made.weight = region.constant(node.inputs[1]);
  if (!made.weight || made.weight->dtype() != DType::f32) return refuse("the weights are no f32 constant");
  if (made.weight->count() == 0) return refuse("the weights are empty");
  made.filters = made.weight->dims()[1];
  Shape kernel;
  for (size_t i = 2; i < made.weight->dims().size(); ++i) kernel.emplace_back(made.weight->dims()[i]);
  RK_TRY(const ops::Window window,
         ops::make_window({"conv_transpose", op->strides, op->dilations, op->pads}, std::move(kernel)));
  RK_TRY(made.shape, window_shape(region.body[node.inputs[0]].type, region.body[node.outputs[0]].type, window,
                                  op->layout));
  if (node.inputs.size() > 2) made.bias = node.inputs[2];
  return made;
}

class ConvTranspose final : public Tactic {
 public:
  std::string_view name() const override { return "cuda.conv_transpose"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_TRY(const TransposeRegion made, as_transpose(region));
    RK_CHECK(write(region, made).status());
    return Space().axis("threads", {128, 256, 64});
  }
  Result<BuiltKernel> build(const Region& region, const Config& config, const Target& target) const override {
    RK_TRY(const TransposeRegion made, as_transpose(region));
    RK_TRY(KernelWriter writer, write(region, made));
    const Dim work = made.shape.rows() * Dim((made.filters + 3) / 4);
    const int64_t threads = config[0].second;
    return writer.finish("conv_transpose", {uint32_t(threads)}, {ceil_div(work, Dim(threads))}, target);
  }

 private:
  static Result<KernelWriter> write(const Region& region, const TransposeRegion& made) {
    KernelWriter w;
    const WindowShape& s = made.shape;
    RK_CHECK(w.input(region, made.parts.anchor->inputs[0], "a"));
    const int64_t taps = s.kernel_h * s.kernel_w;
    const float* from = made.weight->data<float>();
    RK_TRY(Tensor packed, pack_columns(taps * s.channels, made.filters, [&](int64_t row, int64_t o) {
             return from[(row % s.channels * made.filters + o) * taps + row / s.channels];
           }));
    w.constant(std::move(packed), "b");
    const std::string window = define_window(w, s);
    w.define("RK_FILTERS", made.filters);
    w.include("conv_transpose.cuh");
    RK_TRY(std::string epilogue, write_epilogue(w, region, made.parts, Dim(made.filters), 4, made.bias));
    w.body(epilogue + window + "  rk_conv_transpose(a, b, " + w.dim(s.batch) + ", window, epilogue);\n");
    return w;
  }
};

}  // namespace

const Tactic& conv_transpose_tactic() {
  static const ConvTranspose tactic;
  return tactic;
}

}  // namespace rekindle::cuda
