// cuda.depthwise: convolutions of each channel by itself, channels last.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tactics/conv_shape.h"
#include "backends/cuda/tactics/epilogue.h"
#include "backends/cuda/tactics/table.h"
#include "backends/cuda/tactics/tile.h"

namespace rekindle::cuda {

namespace {

constexpr int64_t kMostColumns = 24;  // of a strip, in registers

class Depthwise final : public Tactic {
 public:
  std::string_view name() const override { return "cuda.depthwise"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_TRY(ConvRegion conv, as_conv(region));
    const WindowShape& s = conv.shape;
    if (conv.op->group != s.channels || conv.out_channels != s.channels)
      return refuse("it has " + std::to_string(conv.op->group) + " groups for " + std::to_string(s.channels) +
                    " channels and " + std::to_string(conv.out_channels) + " outputs, needs one of each");
    RK_CHECK(write(region, conv, 1).status());
    Space space;
    space.axis("strip", {4, 2, 1, 8}).axis("threads", {128, 256, 64});
    space.require("the strip's columns stay in registers", [s](const Config& config) {
      const auto width = s.out_w.as_int();
      return config[0].second == 1 ||
             ((!width || config[0].second <= *width) &&
              (config[0].second - 1) * s.stride_w + (s.kernel_w - 1) * s.dilation_w + 1 <= kMostColumns);
    });
    return space;
  }
  Result<BuiltKernel> build(const Region& region, const Config& config, const Target& target) const override {
    RK_TRY(ConvRegion conv, as_conv(region));
    const int64_t strip = config[0].second, threads = config[1].second;
    RK_TRY(KernelWriter writer, write(region, conv, strip));
    const WindowShape& s = conv.shape;
    const Dim work = s.batch * s.out_h * ceil_div(s.out_w, Dim(strip)) * Dim((s.channels + 3) / 4);
    return writer.finish("depthwise", {uint32_t(threads)}, {ceil_div(work, Dim(threads))}, target);
  }
  Result<Prediction> predict(const Region& region, const Config& config, const Target& target,
                             const BuiltKernel* built) const override {
    if (!target.gpu) return Prediction();
    RK_CHECK(check_spills(built, target));
    RK_TRY(ConvRegion conv, as_conv(region));
    const WindowShape& s = conv.shape;
    const int64_t strip = axis_of(config, "strip", 1);
    const double columns = double((strip - 1) * s.stride_w + (s.kernel_w - 1) * s.dilation_w + 1);
    const double taps = double(s.kernel_h * s.kernel_w);
    FlatWork work;
    work.threads =
        size_at(region, s.batch * s.out_h * ceil_div(s.out_w, Dim(strip))) * double((s.channels + 3) / 4);
    work.instructions = 60 + double(s.kernel_h) * (8 * columns + 2 * double(s.kernel_w) + 6) +
                        4 * taps * double(strip) + 12 * double(strip);
    work.memory_bytes = bytes_touched(region);
    work.cache_bytes = work.threads * (double(s.kernel_h) * columns + double(strip)) * 16;
    work.steps = 3;
    const BlockResources block{axis_of(config, "threads", 128), 40 + 8 * double(strip), 0, 0};
    return predict_flat(*target.gpu, work, resources_of(block, built));
  }

 private:
  static Result<KernelWriter> write(const Region& region, const ConvRegion& conv, int64_t strip) {
    KernelWriter w;
    const WindowShape& s = conv.shape;
    RK_CHECK(w.input(region, conv.parts.anchor->inputs[0], "a"));
    const int64_t taps = s.kernel_h * s.kernel_w;
    const float* from = conv.weight->data<float>();
    RK_TRY(Tensor packed,
           pack_columns(taps, s.channels, [&](int64_t tap, int64_t c) { return from[c * taps + tap]; }));
    w.constant(std::move(packed), "b");
    const std::string window = define_window(w, s);
    w.define("RK_STRIP", strip);
    w.include("depthwise.cuh");
    RK_TRY(std::string epilogue, write_epilogue(w, region, conv.parts, Dim(s.channels), 4, conv.bias));
    w.body(epilogue + window + "  rk_depthwise(a, b, " + w.dim(s.batch) + ", window, epilogue);\n");
    return w;
  }
};

}  // namespace

const Tactic& depthwise_tactic() {
  static const Depthwise tactic;
  return tactic;
}

}  // namespace rekindle::cuda
