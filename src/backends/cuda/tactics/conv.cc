// cuda.conv: convolutions as products (implicit GEMM) in FP32 on the plain cores, channels last.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tactics/conv_shape.h"
#include "backends/cuda/tactics/epilogue.h"
#include "backends/cuda/tactics/table.h"
#include "backends/cuda/tactics/tile.h"

namespace rekindle::cuda {

namespace {

Dim rows_of(const WindowShape& s) { return s.batch * Dim(s.out_h * s.out_w); }

class Conv final : public Tactic {
 public:
  std::string_view name() const override { return "cuda.conv"; }
  Result<Space> offer(const Region& region, const Target& target) const override {
    RK_TRY(ConvRegion conv, as_conv(region));
    if (conv.shape.dtype != DType::f32) return refuse("the type is f16, needs f32");
    if (conv.op->group != 1) return refuse("it has " + std::to_string(conv.op->group) + " groups");
    RK_CHECK(write(region, conv, simt_tile(0)).status());
    return simt_space(rows_of(conv.shape), Dim(conv.out_channels), region.sizes, target);
  }
  Result<BuiltKernel> build(const Region& region, const Config& config, const Target& target) const override {
    RK_TRY(ConvRegion conv, as_conv(region));
    const SimtTile& tile = simt_tile(config[0].second);
    RK_TRY(KernelWriter writer, write(region, conv, tile));
    return writer.finish(
        "conv_simt", {uint32_t(tile.threads())},
        {ceil_div(Dim(conv.out_channels), Dim(tile.n)), ceil_div(rows_of(conv.shape), Dim(tile.m))}, target,
        tile.min_blocks);
  }
  Result<Prediction> predict(const Region& region, const Config& config, const Target& target,
                             const BuiltKernel* built) const override {
    RK_TRY(ConvRegion conv, as_conv(region));
    const WindowShape& s = conv.shape;
    SimtWork work;
    work.rows = size_at(region, rows_of(s));
    work.columns = double(conv.out_channels);
    work.depth = double(s.kernel_h * s.kernel_w * s.channels);
    work.scalar_loads = s.channels % 4 != 0;
    work.load_instructions = work.scalar_loads ? 60 : s.kernel_h * s.kernel_w > 1 ? 28 : 16;
    work.a_bytes = size_at(region, s.batch) * double(s.in_h * s.in_w * s.channels) * 4;
    work.tail_bytes = tail_bytes(region, *conv.parts.anchor);
    return predict_tile(work, config, target, built);
  }

 private:
  static Result<KernelWriter> write(const Region& region, const ConvRegion& conv, const SimtTile& tile) {
    KernelWriter w;
    const WindowShape& s = conv.shape;
    RK_CHECK(w.input(region, conv.parts.anchor->inputs[0], "a"));
    const int64_t depth = s.kernel_h * s.kernel_w * s.channels, taps = s.kernel_h * s.kernel_w;
    const float* from = conv.weight->data<float>();
    RK_TRY(Tensor packed, pack_columns(depth, conv.out_channels, [&](int64_t k, int64_t o) {
             return from[(o * s.channels + k % s.channels) * taps + k / s.channels];
           }));
    const std::string stride = std::to_string(packed.dims()[1]);
    w.constant(std::move(packed), "b");
    define_window(w, s);
    w.define("RK_CHANNELS", s.channels);
    w.define("RK_FIRST_CHANNEL", 0);
    w.define("RK_A_VECTORS", s.channels % 4 == 0 ? 1 : 0);
    write_simt(w, tile);
    w.include("rows_conv.cuh");
    const std::string m = w.dim(rows_of(s)), n = std::to_string(conv.out_channels), k = std::to_string(depth);
    RK_TRY(std::string epilogue, write_epilogue(w, region, conv.parts, Dim(conv.out_channels), 4, conv.bias));
    w.body("  const RkConvRows rows{a, " + m + "};\n" + epilogue);
    w.body("  rk_gemm_simt(rows, b, " + k + ", " + stride + ", " + m + ", " + n + ", 0, " + k +
           ", 0, epilogue);\n");
    return w;
  }
};

}  // namespace

const Tactic& conv_tactic() {
  static const Conv tactic;
  return tactic;
}

}  // namespace rekindle::cuda
