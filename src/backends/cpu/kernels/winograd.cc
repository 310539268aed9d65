// cpu.winograd: blocks of tiles are transformed, multiplied element by element, and transformed back.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/winograd.h"

#include "backends/cpu/contraction.h"
#include "backends/cpu/host_kernels.h"
#include "backends/cpu/nothing_to_do.h"
#include "backends/cpu/sliding.h"

namespace rekindle::cpu {

Result<std::shared_ptr<const Kernel>> make_winograd(std::string_view params, Isa isa);

namespace {

constexpr int64_t kBlockFloats = 131072;  // 512 KiB of transformed inputs and outputs
constexpr int64_t kLeastTiles = 48;       // but enough tiles that reading the weights pays

struct WinogradPlan {
  Sliding s;
  Contraction c;  // of one element: tiles x C by C x O
  Tail tail;
  LoopNest nest;
  int64_t m = 0;  // rows of the innermost loop of the nest
  int64_t tile = 4, out_channels = 0;
  int64_t tiles_y = 0, tiles_x = 0, block = 1, workers = 1;
  bool has_bias = false;
  int64_t elements() const { return (tile + 2) * (tile + 2); }
  int64_t tiles() const { return s.batch * tiles_y * tiles_x; }
  int64_t block_bytes() const {
    const int64_t pixels = tile * tile * out_channels;
    return padded_bytes((block * elements() * (s.channels + out_channels) + pixels + tail.scratch_floats()) *
                        int64_t(sizeof(float)));
  }
};

class WinogradLaunch final : public Launch {
 public:
  WinogradLaunch(WinogradPlan plan, Isa isa) : p_(std::move(plan)), kernels_(winograd_kernels(isa)) {}
  int64_t workspace_bytes() const override { return p_.workers * p_.block_bytes(); }

  Status run(Stream&, const void* const* inputs, void* const* outputs, void* workspace) override {
    const Call call{static_cast<const float*>(inputs[0]), static_cast<const float*>(inputs[1]),
                    p_.has_bias ? static_cast<const float*>(inputs[2]) : nullptr,
                    inputs + (p_.has_bias ? 3 : 2), outputs};
    share_items(p_.tiles(), int(p_.workers), [&](int worker, int64_t begin, int64_t end) {
      float* const memory =
          reinterpret_cast<float*>(static_cast<char*>(workspace) + worker * p_.block_bytes());
      const int64_t blocks = (end - begin + p_.block - 1) / p_.block;
      for (int64_t b = 0; b < blocks; ++b)
        run_block(call, begin + (end - begin) * b / blocks, begin + (end - begin) * (b + 1) / blocks, memory);
    });
    return {};
  }

 private:
  struct Call {
    const float *x, *weights, *bias;
    const void* const* operands;
    void* const* outputs;
  };
  struct TileAt {
    int64_t n, y, x;  // of its first output
  };
  TileAt tile_at(int64_t t) const {
    return {t / (p_.tiles_x * p_.tiles_y), t / p_.tiles_x % p_.tiles_y * p_.tile, t % p_.tiles_x * p_.tile};
  }

  void run_block(const Call& call, int64_t first, int64_t last, float* memory) const {
    const int64_t count = last - first, channels = p_.s.channels, out = p_.out_channels;
    float* const transformed = memory;                                     // [element][tile][C]
    float* const products = memory + p_.elements() * p_.block * channels;  // [element][tile][O]
    float* const pixels = products + p_.elements() * p_.block * out;
    for (int64_t t = 0; t < count; ++t)
      transform_tile(call, tile_at(first + t), transformed + t * channels, count * channels);
    for (int64_t e = 0; e < p_.elements(); ++e)
      multiply(call.weights + e * p_.c.panels.packed_floats(channels), transformed + e * count * channels,
               count, products + e * count * out);
    for (int64_t t = 0; t < count; ++t) {
      kernels_.output(int(p_.tile), products + t * out, count * out, call.bias, out, pixels, out);
      finish_tile(call, tile_at(first + t), pixels);
    }
  }

  void transform_tile(const Call& call, const TileAt& at, float* to, int64_t step) const {
    const Sliding& s = p_.s;
    const float* rows[6];
    const int64_t y0 = at.y - s.y.begin, x0 = at.x - s.x.begin, n = p_.tile + 2;
    for (int64_t i = 0; i < n; ++i) {
      const bool inside = y0 + i >= 0 && y0 + i < s.y.in;
      // Pixels before the first are never read; the address alone may lie outside.
      rows[i] = inside ? reinterpret_cast<const float*>(
                             uintptr_t(call.x) +
                             uintptr_t((at.n * s.batch_step + (y0 + i) * s.y_step + x0 * s.x_step) *
                                       int64_t(sizeof(float))))
                       : nullptr;
    }
    const int64_t first_x = std::max<int64_t>(0, -x0), last_x = std::min(n, s.x.in - x0);
    kernels_.input(int(p_.tile), rows, s.x_step, first_x, last_x, s.channels, to, step);
  }

  /// products[tile][O] = transformed[tile][C] * weights for one element.
  void multiply(const float* weights, const float* transformed, int64_t count, float* products) const {
    const Contraction& c = p_.c;
    const int64_t tiles = (count + c.tile_height - 1) / c.tile_height;
    TileJob job;
    const float* rows[kMostTileHeight];
    job.rows = rows;
    job.c_step = job.start_step = p_.out_channels;
    for (int64_t p = 0; p < c.panels.count; ++p) {
      const TileKernel* const kernels = c.tiles->run[c.panels.vectors_of(p)];
      job.b_step = c.panels.floats_of(p);
      job.columns = c.panels.columns_of(p);
      for (int64_t k = 0; k < c.channels; k += c.channel_block) {
        job.k = std::min(c.channel_block, c.channels - k);
        job.a_offset = k;
        job.b = weights + c.channels * c.panels.first_column(p) + k * job.b_step;
        for (int64_t t = 0; t < tiles; ++t) {
          const int64_t row = count * t / tiles, height = count * (t + 1) / tiles - row;
          for (int64_t i = 0; i < height; ++i) rows[i] = transformed + (row + i) * c.channels;
          job.c = products + row * p_.out_channels + c.panels.first_column(p);
          job.start = k > 0 ? job.c : nullptr;
          kernels[height](job);
        }
      }
    }
  }

  void finish_tile(const Call& call, const TileAt& at, float* pixels) const {
    const Sliding& s = p_.s;
    float* const scratch = pixels + p_.tile * p_.tile * p_.out_channels;
    const int64_t height = std::min(p_.tile, s.y.out - at.y), width = std::min(p_.tile, s.x.out - at.x);
    for (int64_t i = 0; i < height; ++i) {
      const int64_t row = (at.n * s.y.out + at.y + i) * s.x.out + at.x;
      const Tail::Frame frame =
          p_.tail.frame(call.outputs, call.operands, LoopPosition(p_.nest, p_.nest.depth() - 1, row / p_.m));
      p_.tail.finish(pixels + i * p_.tile * p_.out_channels, p_.out_channels, frame, row % p_.m, width, 0,
                     p_.out_channels, scratch);
    }
  }

  WinogradPlan p_;
  const WinogradKernels& kernels_;
};

Status bad_winograd(const std::string& what) {
  return Status::error(Code::invalid_argument, "winograd: " + what);
}

class WinogradKernel final : public Kernel {
 public:
  WinogradKernel(WinogradParams params, Isa isa) : params_(std::move(params)), isa_(isa) {}

  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    const size_t fixed = params_.has_bias ? 3 : 2;
    if (shapes.inputs.size() < fixed || shapes.outputs.empty())
      return bad_winograd(std::to_string(shapes.inputs.size()) + " inputs, expected at least " +
                          std::to_string(fixed));
    WinogradPlan plan;
    plan.tile = params_.tile, plan.out_channels = params_.out_channels, plan.has_bias = params_.has_bias;
    const WindowParams window{{3, 3}, {1, 1}, {1, 1}, {params_.begin_y, params_.begin_x}, false, false};
    RK_TRY(plan.s, Sliding::make(window, shapes.inputs[0], shapes.outputs[0], false, "winograd"));
    plan.c = Contraction::plan(params_.out_channels, 1, params_.in_channels, isa_);
    RK_CHECK(check(shapes, plan));
    RK_TRY(plan.tail, Tail::make(tail_, shapes.inputs.subspan(fixed), shapes.outputs, isa_, false));
    RK_TRY(plan.nest, LoopNest::of_rows(shapes.outputs[0].dims, plan.tail.row_strides()));
    plan.m = plan.nest.dims.back();
    RK_CHECK(plan.tail.set_rows(plan.nest, plan.tile * plan.out_channels));
    plan.tiles_y = (plan.s.y.out + plan.tile - 1) / plan.tile,
    plan.tiles_x = (plan.s.x.out + plan.tile - 1) / plan.tile;
    if (plan.tiles() == 0) return NothingToDo::make();
    const double work =
        double(plan.tiles()) * double(plan.elements()) * double(plan.s.channels) * double(plan.out_channels);
    plan.workers = std::min<int64_t>(contraction_workers(work, shapes.threads), plan.tiles());
    const int64_t per_tile = plan.elements() * (plan.s.channels + plan.out_channels),
                  share = (plan.tiles() + plan.workers - 1) / plan.workers;
    plan.block = std::min(share, std::max(kBlockFloats / per_tile, kLeastTiles));
    return std::unique_ptr<Launch>(std::make_unique<WinogradLaunch>(std::move(plan), isa_));
  }

 private:
  Status check(const LaunchShapes& shapes, const WinogradPlan& plan) const {
    const ArgShape &x = shapes.inputs[0], &w = shapes.inputs[1];
    if (x.dtype != DType::f32 || w.dtype != DType::f32) return bad_winograd("x and the weights must be f32");
    if (plan.s.channels != params_.in_channels || shapes.outputs[0].dims.back() != params_.out_channels)
      return bad_winograd(std::to_string(plan.s.channels) + " to " +
                          std::to_string(shapes.outputs[0].dims.back()) + " channels, expected " +
                          std::to_string(params_.in_channels) + " to " +
                          std::to_string(params_.out_channels));
    if (!is_contiguous(w) ||
        count_of(w.dims) != plan.elements() * plan.c.panels.packed_floats(params_.in_channels))
      return bad_winograd("the packed weights are " + to_string(w.dims) + ", expected " +
                          std::to_string(plan.elements() * plan.c.panels.packed_floats(params_.in_channels)) +
                          " elements");
    if (params_.has_bias && !is_vector(shapes.inputs[2], params_.out_channels))
      return bad_winograd("the bias is not f32[" + std::to_string(params_.out_channels) + "]");
    return {};
  }

  WinogradParams params_;
  KernelProgram tail_{params_.tail};
  Isa isa_;
};

/// G g: the m + 2 transformed values of three weights.
void transform_weights(int64_t tile, const double* g, int64_t g_step, double* t, int64_t t_step) {
  const double a = g[0], b = g[g_step], c = g[2 * g_step];
  if (tile == 2) {
    const double values[] = {a, (a + b + c) / 2, (a - b + c) / 2, c};
    for (int i = 0; i < 4; ++i) t[i * t_step] = values[i];
  } else {
    const double values[] = {
        a / 4, -(a + b + c) / 6, -(a - b + c) / 6, (a + 2 * b + 4 * c) / 24, (a - 2 * b + 4 * c) / 24, c};
    for (int i = 0; i < 6; ++i) t[i * t_step] = values[i];
  }
}

}  // namespace

Tensor pack_winograd_weights(const Tensor& w, int64_t tile, Isa isa) {
  RK_ASSERT(w.rank() == 4 && w.dims()[2] == 3 && w.dims()[3] == 3 && (tile == 2 || tile == 4),
            "winograd weights are O, C, 3, 3");
  const int64_t out = w.dims()[0], channels = w.dims()[1], n = tile + 2;
  Tensor all(DType::f32, {n * n, out, channels});  // [element][O][C]
  for (int64_t i = 0; i < out * channels; ++i) {
    double g[9], half[18], t[36];
    for (int j = 0; j < 9; ++j) g[j] = w.data<float>()[i * 9 + j];
    for (int column = 0; column < 3; ++column) transform_weights(tile, g + column, 3, half + column, 3);
    for (int64_t row = 0; row < n; ++row) transform_weights(tile, half + row * 3, 1, t + row * n, 1);
    for (int64_t e = 0; e < n * n; ++e) all.data<float>()[e * out * channels + i] = float(t[e]);
  }
  const Panels panels = Panels::of(out, isa);
  Tensor packed(DType::f32, {n * n * panels.packed_floats(channels)});
  for (int64_t e = 0; e < n * n; ++e)
    for (int64_t p = 0; p < panels.count; ++p)
      pack_panel(
          all.data<float>() + (e * out + panels.first_column(p)) * channels, 1, channels, channels,
          panels.columns_of(p), panels.floats_of(p),
          packed.data<float>() + e * panels.packed_floats(channels) + channels * panels.first_column(p));
  return packed;
}

Result<std::shared_ptr<const Kernel>> make_winograd(std::string_view params, Isa isa) {
  RK_TRY(WinogradParams p, from_bytes<WinogradParams>(params));
  if ((p.tile != 2 && p.tile != 4) || p.in_channels < 1 || p.out_channels < 1)
    return bad_winograd("tile " + std::to_string(p.tile) + " and " + std::to_string(p.in_channels) + " to " +
                        std::to_string(p.out_channels) + " channels, expected tile 2 or 4");
  return std::shared_ptr<const Kernel>(std::make_shared<WinogradKernel>(std::move(p), isa));
}

}  // namespace rekindle::cpu
