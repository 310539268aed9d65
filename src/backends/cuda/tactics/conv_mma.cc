// cuda.conv_mma: convolutions over FP16 as products (implicit GEMM) on the tensor cores,
// channels last; on sm_61 FP16 is storage and the plain cores multiply.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tactics/conv_shape.h"
#include "backends/cuda/tactics/epilogue.h"
#include "backends/cuda/tactics/mma_tile.h"
#include "backends/cuda/tactics/table.h"

namespace rekindle::cuda {

namespace {

MmaProblem problem_of(const ConvRegion& conv) {
  const WindowShape& s = conv.shape;
  MmaProblem problem;
  problem.rows = s.rows();
  problem.columns = Dim(conv.out_channels);
  problem.depth = Dim(s.kernel_h * s.kernel_w * s.channels);
  problem.gathers = true;
  return problem;
}

class ConvMma final : public Tactic {
 public:
  std::string_view name() const override { return "cuda.conv_mma"; }
  Result<Space> offer(const Region& region, const Target& target) const override {
    RK_TRY(ConvRegion conv, as_conv(region));
    if (conv.shape.dtype != DType::f16) return refuse("the type is f32, needs f16");
    if (!conv.shape.in_h.as_int() || !conv.shape.in_w.as_int())
      return refuse("the size of the picture is only known by running");
    if (conv.op->group != 1) return refuse("it has " + std::to_string(conv.op->group) + " groups");
    RK_TRY(Space space, mma_space(problem_of(conv), region.sizes, target));
    RK_CHECK(write(region, conv, space.configs(0).front()).status());
    return space;
  }
  Result<BuiltKernel> build(const Region& region, const Config& config, const Target& target) const override {
    RK_TRY(ConvRegion conv, as_conv(region));
    RK_TRY(KernelWriter writer, write(region, conv, config));
    const MmaTile& tile = mma_tile(config[0].second);
    return writer.finish("conv_mma", {uint32_t(tile.threads())}, mma_grid(problem_of(conv), config), target,
                         tile.min_blocks);
  }

 private:
  static Result<KernelWriter> write(const Region& region, const ConvRegion& conv, const Config& config) {
    KernelWriter w;
    const WindowShape& s = conv.shape;
    RK_CHECK(w.input(region, conv.parts.anchor->inputs[0], "a"));
    const int64_t depth = s.kernel_h * s.kernel_w * s.channels, taps = s.kernel_h * s.kernel_w;
    const float* from = conv.weight->data<float>();
    RK_TRY(Tensor packed, pack_half_lines(depth, conv.out_channels, [&](int64_t k, int64_t o) {
             return from[(o * s.channels + k % s.channels) * taps + k / s.channels];
           }));
    const std::string stride = std::to_string(packed.dims()[1]);
    w.constant(std::move(packed), "b", "f16");
    define_window(w, s);
    w.define("RK_A_VECTORS", s.channels % 8 == 0 ? 1 : 0);
    write_mma(w, config, true);
    w.include("rows_half_conv.cuh");
    const std::string m = w.dim(problem_of(conv).rows), n = std::to_string(conv.out_channels);
    RK_TRY(std::string epilogue, write_epilogue(w, region, conv.parts, Dim(conv.out_channels), 8, conv.bias));
    w.body("  const RkHalfPatches rows{a, " + m + "};\n" + epilogue);
    w.body("  rk_gemm_mma(rows, b, " + stride + ", " + m + ", " + n + ", " + std::to_string(depth) +
           ", 0, epilogue);\n");
    return w;
  }
};

}  // namespace

const Tactic& conv_mma_tactic() {
  static const ConvMma tactic;
  return tactic;
}

}  // namespace rekindle::cuda
