// cuda.max_pool_indices: max pools that also tell where their elements were, and max_unpool, which puts them
// back; channels last.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tactics/conv_shape.h"
#include "backends/cuda/tactics/flat_kernel.h"
#include "backends/cuda/tactics/single_node.h"
#include "backends/cuda/tactics/table.h"
#include "math/pool.h"

namespace rekindle::cuda {

namespace {

constexpr int64_t kThreads = 256;

// Both kernels: an element of output 0 a thread. Indices count in N, C, H, W order.
constexpr const char* kPool = R"(  const int c = e % RK_IN_CHANNELS, q = e / RK_IN_CHANNELS % window.out_w,
            rest = e / RK_IN_CHANNELS / window.out_w, p = rest % window.out_h, n = rest / window.out_h;
  float best = -RK_INF;
  int at = -1;
  for (int r = 0; r < RK_KERNEL_H; ++r) {
    const int h = p * RK_STRIDE_H - RK_PAD_H + r * RK_DILATION_H;
    if (unsigned(h) >= unsigned(window.in_h)) continue;
    for (int s = 0; s < RK_KERNEL_W; ++s) {
      const int w = q * RK_STRIDE_W - RK_PAD_W + s * RK_DILATION_W;
      if (unsigned(w) >= unsigned(window.in_w)) continue;
      const float x = in[((i64)(n * window.in_h + h) * window.in_w + w) * RK_IN_CHANNELS + c];
      if (at < 0 || x > best || (x != x && best == best)) {
        best = x;
        at = h * window.in_w + w;
      }
    }
  }
  out[e] = best;
  indices[e] = (i64)(n * RK_IN_CHANNELS + c) * window.in_h * window.in_w + at;
)";
// An output looks at the windows it lies in: one of them may have taken its element from there. An index that
// lies outside of its window is left out, as a kernel cannot raise an error.
constexpr const char* kUnpool = R"(  const int c = e % RK_IN_CHANNELS, w = e / RK_IN_CHANNELS % window.out_w,
            rest = e / RK_IN_CHANNELS / window.out_w, h = rest % window.out_h, n = rest / window.out_h;
  const i64 mine = ((i64)(n * RK_IN_CHANNELS + c) * window.out_h + h) * window.out_w + w;
  float result = 0.f;
  for (int r = 0; r < RK_KERNEL_H; ++r) {
    const int p = h + RK_PAD_H - r;
    if (p < 0 || p % RK_STRIDE_H != 0 || p / RK_STRIDE_H >= window.in_h) continue;
    for (int s = 0; s < RK_KERNEL_W; ++s) {
      const int q = w + RK_PAD_W - s;
      if (q < 0 || q % RK_STRIDE_W != 0 || q / RK_STRIDE_W >= window.in_w) continue;
      const int from = ((n * window.in_h + p / RK_STRIDE_H) * window.in_w + q / RK_STRIDE_W) * RK_IN_CHANNELS + c;
      if (indices[from] == mine) result = in[from];
    }
  }
  out[e] = result;
)";

Result<FlatKernel> write_pool(const Region& region, const Node& node, const ops::MaxPool& op) {
  if (node.outputs.size() != 2 || region.body.outputs.size() != 2) return refuse("no indices are wanted");
  if (op.storage_order != 0) return refuse("its indices are column-major");
  RK_TRY(const ops::Window window,
         ops::make_window({"max_pool", op.strides, op.dilations, op.pads, op.auto_pad, op.ceil_mode},
                          Shape(op.kernel.begin(), op.kernel.end())));
  FlatKernel written;
  KernelWriter& w = written.writer;
  RK_TRY(const WindowShape shape,
         window_shape(region.body[node.inputs[0]].type, region.output_type(0), window, op.layout));
  RK_CHECK(w.input(region, node.inputs[0], "in"));
  RK_CHECK(w.output(region.output_type(0), "out"));
  RK_CHECK(w.output(region.output_type(1), "indices"));
  const std::string picture = define_window(w, shape);
  written.begin(region, kThreads);
  w.body(picture + kPool);
  return written;
}

Result<FlatKernel> write_unpool(const Region& region, const Node& node, const ops::MaxUnpool& op) {
  if (node.inputs.size() > 2 && node.inputs[2] != ValueId::none) return refuse("its output's shape is given");
  RK_TRY(const ops::Window window, ops::make_window({"max_unpool", op.strides, {}, op.pads},
                                                    Shape(op.kernel.begin(), op.kernel.end())));
  FlatKernel written;
  KernelWriter& w = written.writer;
  RK_TRY(const WindowShape shape,
         window_shape(region.body[node.inputs[0]].type, region.output_type(0), window, op.layout));
  RK_CHECK(w.input(region, node.inputs[0], "in"));
  RK_CHECK(w.input(region, node.inputs[1], "indices"));
  RK_CHECK(w.output(region.output_type(0), "out"));
  const std::string picture = define_window(w, shape);
  written.begin(region, kThreads);
  w.body(picture + kUnpool);
  return written;
}

class MaxPoolIndices final : public Tactic {
 public:
  std::string_view name() const override { return "cuda.max_pool_indices"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_CHECK(write(region).status());
    return Space();
  }
  Result<BuiltKernel> build(const Region& region, const Config&, const Target& target) const override {
    RK_TRY(FlatKernel written, write(region));
    return written.finish("max_pool_indices", region, kThreads, target);
  }

 private:
  static Result<FlatKernel> write(const Region& region) {
    RK_TRY(const Node* node, only_node(region));
    if (region.output_type(0).dtype != DType::f32)
      return refuse("the type is " + std::string(to_string(region.output_type(0).dtype)) + ", needs f32");
    if (const auto* pool = node->op.as<ops::MaxPool>()) return write_pool(region, *node, *pool);
    if (const auto* unpool = node->op.as<ops::MaxUnpool>()) return write_unpool(region, *node, *unpool);
    return refuse("the op is " + std::string(node->op.name()) + ", neither max_pool nor max_unpool");
  }
};

}  // namespace

const Tactic& max_pool_indices_tactic() {
  static const MaxPoolIndices tactic;
  return tactic;
}

}  // namespace rekindle::cuda
