// cuda.conv: convolutions as products (implicit GEMM) in FP32 on the plain cores, channels last.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tactics/conv_shape.h"
#include "backends/cuda/tactics/epilogue.h"
#include "backends/cuda/tactics/table.h"
#include "backends/cuda/tactics/tile.h"

namespace rekindle::cuda {

namespace {

/// A convolution as a product for each group. Channels are counted in fours, so that vectors are of one
/// position.
struct ConvProduct {
  ConvRegion conv;
  SimtProblem problem;
  int64_t channels = 1, padded = 1, filters = 1;  // of a group
};

Result<ConvProduct> as_product(const Region& region) {
  ConvProduct made;
  RK_TRY(made.conv, as_conv(region));
  const ConvRegion& conv = made.conv;
  const WindowShape& s = conv.shape;
  if (s.dtype != DType::f32) return refuse("the type is f16, needs f32");
  const int64_t groups = conv.op->group;
  made.channels = s.channels / groups;
  made.padded = (made.channels + 3) / 4 * 4;
  made.filters = conv.out_channels / groups;
  if (groups > 1 && (made.filters % 4 != 0 || made.channels < 4))
    return refuse("it has " + std::to_string(groups) + " groups of " + std::to_string(made.channels) +
                  " to " + std::to_string(made.filters) +
                  " channels, needs a multiple of 4 outputs and 4 inputs");
  made.problem = {s.rows(), Dim(made.filters), Dim(s.kernel_h * s.kernel_w * made.padded), Dim(groups)};
  return made;
}

class Conv final : public Tactic {
 public:
  std::string_view name() const override { return "cuda.conv"; }
  int version() const override { return 2; }
  Result<Space> offer(const Region& region, const Target& target) const override {
    RK_TRY(const ConvProduct made, as_product(region));
    const Space space = simt_space(made.problem, region.sizes, target);
    RK_CHECK(write(region, made, simt_config(space.configs(0)[0], target)).status());
    return space;
  }
  Result<BuiltKernel> build(const Region& region, const Config& config, const Target& target) const override {
    RK_TRY(const ConvProduct made, as_product(region));
    const SimtConfig simt = simt_config(config, target);
    RK_TRY(KernelWriter writer, write(region, made, simt));
    return finish_simt(writer, "conv_simt", made.problem, simt, target);
  }
  Result<Prediction> predict(const Region& region, const Config& config, const Target& target,
                             const BuiltKernel* built) const override {
    RK_TRY(const ConvProduct made, as_product(region));
    const WindowShape& s = made.conv.shape;
    SimtWork work;
    work.rows = size_at(region, made.problem.rows);
    work.columns = double(made.filters);
    work.depth = size_at(region, made.problem.depth);
    work.items = double(made.conv.op->group);
    work.scalar_loads = made.channels % 4 != 0;
    work.load_instructions = work.scalar_loads ? 60 : s.kernel_h * s.kernel_w > 1 ? 28 : 16;
    work.a_bytes = size_at(region, s.batch * s.in_h * s.in_w) * double(s.channels) * 4;
    work.tail_bytes = tail_bytes(region, *made.conv.parts.anchor);
    return predict_tile(work, config, target, built);
  }

 private:
  /// [group][(r, s, c)][filter], channels filled up with zeros.
  static Result<Tensor> pack(const ConvProduct& made) {
    const WindowShape& s = made.conv.shape;
    const int64_t taps = s.kernel_h * s.kernel_w, depth = taps * made.padded, groups = made.conv.op->group;
    const float* from = made.conv.weight->data<float>();
    return pack_columns(groups * depth, made.filters, [&](int64_t row, int64_t o) {
      const int64_t group = row / depth, k = row % depth, c = k % made.padded, tap = k / made.padded;
      if (c >= made.channels) return 0.0f;
      return from[((group * made.filters + o) * made.channels + c) * taps + tap];
    });
  }

  static Result<KernelWriter> write(const Region& region, const ConvProduct& made, const SimtConfig& config) {
    KernelWriter w;
    const ConvRegion& conv = made.conv;
    RK_CHECK(w.input(region, conv.parts.anchor->inputs[0], "a"));
    RK_TRY(Tensor packed, pack(made));
    const std::string stride = std::to_string(packed.dims()[1]);
    w.constant(std::move(packed), "b");
    const std::string window = define_window(w, conv.shape);
    w.define("RK_CHANNELS", made.padded);
    w.define("RK_GIVEN_CHANNELS", made.channels);
    w.define("RK_A_VECTORS", made.padded == made.channels && conv.shape.channels % 4 == 0 ? 1 : 0);
    write_simt(w, made.problem, config);
    w.include("rows_conv.cuh");
    std::string first_channel = "0", first_filter = "0";
    if (conv.op->group > 1) {
      first_channel = "item * " + std::to_string(made.channels);
      first_filter = "item * " + std::to_string(made.filters);
      w.body("  b += (i64)item * " + w.dim(made.problem.depth) + " * " + stride + ";\n");
    }
    RK_TRY(std::string epilogue, write_epilogue(w, region, conv.parts, Dim(conv.out_channels), 4, conv.bias));
    w.body(window + "  const RkConvRows rows{a, " + w.dim(made.problem.rows) + ", " + first_channel +
           ", window};\n  const RkDenseColumns columns{b, " + stride + "};\n" + epilogue);
    call_simt(w, made.problem, "0", first_filter);
    return w;
  }
};

}  // namespace

const Tactic& conv_tactic() {
  static const Conv tactic;
  return tactic;
}

}  // namespace rekindle::cuda
