// cpu.depthwise: rows of output pixels, straight into the output or through a tile for longer tails.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/depthwise.h"

#include <cstring>

#include "backends/cpu/host_kernels.h"
#include "backends/cpu/nothing_to_do.h"
#include "backends/cpu/panels.h"
#include "backends/cpu/sliding.h"
#include "backends/cpu/tail.h"
#include "backends/cpu/workers.h"

namespace rekindle::cpu {

Result<std::shared_ptr<const Kernel>> make_depthwise(std::string_view params, Isa isa);

namespace {

constexpr int64_t kTileFloats = 4096;     // a tile for the tail, in L1
constexpr int64_t kElementGrain = 16384;  // multiply-adds count as elements / taps: the least worth a thread

struct DepthwisePlan {
  Sliding s;
  Tail tail;
  LoopNest nest;
  int64_t m = 0, outer = 1;
  int64_t tile_pixels = 1;
  bool has_bias = false;
  /// Pairs of output rows in blocks of a few pixels: square windows of 3 or 5 taps with equal strides of 1
  /// or 2.
  bool in_blocks = false;
  int workers = 1;

  int64_t rows() const { return in_blocks ? (s.y.out + 1) / 2 : s.y.out; }  // of an image, or pairs of them
  int64_t zero_bytes() const { return in_blocks ? padded_bytes(s.channels * int64_t(sizeof(float))) : 0; }
};

bool fits_blocks(const Sliding& s) {
  return s.y.kernel == s.x.kernel && (s.x.kernel == 3 || s.x.kernel == 5) && s.y.stride == s.x.stride &&
         s.x.stride <= 2 && s.y.dilation == 1 && s.x.dilation == 1;
}

class DepthwiseLaunch final : public Launch {
 public:
  DepthwiseLaunch(DepthwisePlan plan, const DepthwiseKernels& kernels, const DepthwiseBlockKernels& blocks)
      : p_(std::move(plan)), kernels_(kernels), blocks_(blocks) {
    const int64_t tiles = p_.in_blocks ? 2 : 1;
    const int64_t floats =
        p_.tail.in_registers() ? 0 : tiles * p_.tile_pixels * p_.s.channels + p_.tail.scratch_floats();
    worker_bytes_ = padded_bytes(floats * int64_t(sizeof(float)));
  }
  int64_t workspace_bytes() const override { return p_.zero_bytes() + p_.workers * worker_bytes_; }

  Status run(Stream&, const void* const* inputs, void* const* outputs, void* workspace) override {
    const Sliding& s = p_.s;
    char* const memory = static_cast<char*>(workspace);
    const Call call{static_cast<const float*>(inputs[0]),
                    static_cast<const float*>(inputs[1]),
                    p_.has_bias ? static_cast<const float*>(inputs[2]) : nullptr,
                    inputs + (p_.has_bias ? 3 : 2),
                    outputs,
                    reinterpret_cast<const float*>(memory)};
    std::memset(memory, 0, size_t(p_.zero_bytes()));
    const int64_t rows = p_.rows();
    share_items(s.batch * rows, p_.workers, [&](int worker, int64_t begin, int64_t end) {
      const auto scratch = reinterpret_cast<float*>(memory + p_.zero_bytes() + worker * worker_bytes_);
      for (int64_t row = begin; row < end; ++row) {
        if (p_.in_blocks)
          run_pair(call, row / rows, row % rows * 2, scratch);
        else
          run_row(call, row / rows, row % rows, scratch);
      }
    });
    return {};
  }

 private:
  struct Call {
    const float *x, *weights, *bias;
    const void* const* operands;
    void* const* outputs;
    const float* zeros;
  };

  /// Output rows oy and oy + 1, the second only where there is one.
  void run_pair(const Call& call, int64_t n, int64_t oy, float* scratch) const {
    const Sliding& s = p_.s;
    DepthwiseBlock job;
    job.channels = s.channels, job.weights = call.weights, job.bias = call.bias;
    job.rows = oy + 1 < s.y.out ? 2 : 1;
    const int64_t first = (n * s.y.out + oy) * s.x.out;
    for (int64_t x = 0; x < s.x.out;) {
      // Each row on its own may cross positions of the outer loops when the output's rows are no single loop.
      int64_t row[2], pixels = s.x.out - x;
      Tail::Frame frame[2];
      for (int i = 0; i < job.rows; ++i) {
        const int64_t at = first + i * s.x.out + x;
        row[i] = at % p_.m;
        pixels = std::min(pixels, p_.m - row[i]);
        frame[i] =
            p_.tail.frame(call.outputs, call.operands, LoopPosition(p_.nest, p_.nest.depth() - 1, at / p_.m));
      }
      if (!p_.tail.in_registers()) pixels = std::min(pixels, p_.tile_pixels);
      for (int i = 0; i < job.rows; ++i) set_row(job, i, frame[i], row[i], scratch);
      run_blocks(call, job, n, oy, x, pixels);
      for (int i = 0; i < job.rows && !p_.tail.in_registers(); ++i)
        p_.tail.finish(tile(scratch, i), s.channels, frame[i], row[i], pixels, 0, s.channels,
                       tile(scratch, 2));
      x += pixels;
    }
  }

  float* tile(float* scratch, int i) const { return scratch + i * p_.tile_pixels * p_.s.channels; }

  /// Where a row of results goes: into the output, or into a tile for the tail.
  void set_row(DepthwiseBlock& job, int i, const Tail::Frame& frame, int64_t row, float* scratch) const {
    if (!p_.tail.in_registers()) {
      job.out[i] = tile(scratch, i), job.out_step = job.channels;
      return;
    }
    TileJob end;
    p_.tail.set(end, frame, row, 0);
    job.out[i] = end.c, job.out_step = end.c_step;
    job.addend[i] = end.addend, job.addend_step = end.addend_step;
    job.end = end.end;
  }

  void run_blocks(const Call& call, DepthwiseBlock job, int64_t n, int64_t oy, int64_t x,
                  int64_t pixels) const {
    const Sliding& s = p_.s;
    constexpr int64_t kMostRows = 7, kMostColumns = (kMostBlockPixels - 1) * 2 + 5;
    const float* in[kMostRows * kMostColumns];
    job.in = in;
    job.in_step = s.x_step;
    const bool rows_inside = s.y.at(oy, 0) >= 0 && s.y.at(oy, s.y.kernel + s.y.stride - 1) < s.y.in;
    const int64_t most = blocks_.most_pixels, reach = (most - 1) * s.x.stride + s.x.kernel;
    for (int64_t done = 0; done < pixels;) {
      const int64_t ix = s.x.at(x + done, 0), left = pixels - done;
      const bool inside = rows_inside && ix >= 0 && ix + reach <= s.x.in && left >= most;
      // Towards the end even blocks: none is left with a single pixel.
      const int64_t count = left >= 2 * most ? most : left > most ? (inside ? most : (left + 1) / 2) : left;
      const float* const first = call.x + n * s.batch_step;
      if (inside) {
        for (int64_t r = 0; r < s.y.kernel + s.y.stride; ++r)
          in[r] = first + s.y.at(oy, r) * s.y_step + ix * s.x_step;
        blocks_.inside[s.x.kernel == 5][s.x.stride - 1](job);
      } else {
        fill_addresses(call, first, oy, ix, (count - 1) * s.x.stride + s.x.kernel, in);
        blocks_.run[s.x.kernel == 5][s.x.stride - 1][count](job);
      }
      for (int i = 0; i < job.rows; ++i) {
        job.out[i] += count * job.out_step;
        if (job.addend[i]) job.addend[i] += count * job.addend_step;
      }
      done += count;
    }
  }

  void fill_addresses(const Call& call, const float* image, int64_t oy, int64_t ix, int64_t columns,
                      const float** to) const {
    const Sliding& s = p_.s;
    for (int64_t r = 0; r < s.y.kernel + s.y.stride; ++r) {
      const int64_t iy = s.y.at(oy, r);
      const bool inside = iy >= 0 && iy < s.y.in;
      const float* const line = image + (inside ? iy : 0) * s.y_step;
      for (int64_t j = 0; j < columns; ++j)
        *to++ = inside && ix + j >= 0 && ix + j < s.x.in ? line + (ix + j) * s.x_step : call.zeros;
    }
  }

  void run_row(const Call& call, int64_t n, int64_t oy, float* scratch) const {
    const Sliding& s = p_.s;
    DepthwiseJob job;
    s.y.taps_inside(oy, job.first_ky, job.last_ky);
    job.in = call.x + n * s.batch_step + s.y.at(oy, job.first_ky) * s.y_step;
    job.in_row_step = s.y.dilation * s.y_step;
    job.in_step = s.x_step;
    job.in_width = s.x.in;
    job.kernel_width = s.x.kernel, job.stride = s.x.stride, job.dilation = s.x.dilation,
    job.begin = s.x.begin;
    job.channels = s.channels;
    job.weights = call.weights, job.bias = call.bias;
    // A row may cross positions of the outer loops when the output's rows are no single loop.
    const int64_t first = (n * s.y.out + oy) * s.x.out;
    for (int64_t x = 0; x < s.x.out;) {
      const int64_t outer = (first + x) / p_.m, row = (first + x) % p_.m;
      int64_t pixels = std::min(s.x.out - x, p_.m - row);
      if (!p_.tail.in_registers()) pixels = std::min(pixels, p_.tile_pixels);
      const Tail::Frame frame =
          p_.tail.frame(call.outputs, call.operands, LoopPosition(p_.nest, p_.nest.depth() - 1, outer));
      job.first_x = x, job.last_x = x + pixels;
      run_pixels(job, frame, row, pixels, scratch);
      x += pixels;
    }
  }

  void run_pixels(DepthwiseJob& job, const Tail::Frame& frame, int64_t row, int64_t pixels,
                  float* scratch) const {
    if (p_.tail.in_registers()) {
      TileJob end;
      p_.tail.set(end, frame, row, 0);
      job.out = end.c, job.out_step = end.c_step;
      job.addend = end.addend, job.addend_step = end.addend_step;
      job.end = end.end;
      kernels_.run(job);
    } else {
      job.out = scratch, job.out_step = job.channels;
      kernels_.run(job);
      p_.tail.finish(scratch, job.channels, frame, row, pixels, 0, job.channels,
                     scratch + p_.tile_pixels * job.channels);
    }
  }

  DepthwisePlan p_;
  const DepthwiseKernels& kernels_;
  const DepthwiseBlockKernels& blocks_;
  int64_t worker_bytes_;
};

Status bad_depthwise(const std::string& what) {
  return Status::error(Code::invalid_argument, "depthwise: " + what);
}

class DepthwiseKernel final : public Kernel {
 public:
  DepthwiseKernel(DepthwiseParams params, Isa isa) : params_(std::move(params)), isa_(isa) {}

  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    const size_t fixed = params_.has_bias ? 3 : 2;
    if (shapes.inputs.size() < fixed || shapes.outputs.empty())
      return bad_depthwise(std::to_string(shapes.inputs.size()) + " inputs, expected at least " +
                           std::to_string(fixed));
    DepthwisePlan plan;
    plan.has_bias = params_.has_bias;
    RK_TRY(plan.s, Sliding::make(params_.window, shapes.inputs[0], shapes.outputs[0], false, "depthwise"));
    RK_CHECK(check(shapes, plan.s));
    RK_TRY(plan.tail, Tail::make(tail_, shapes.inputs.subspan(fixed), shapes.outputs, isa_));
    RK_TRY(plan.nest, LoopNest::of_rows(shapes.outputs[0].dims, plan.tail.row_strides()));
    plan.m = plan.nest.dims.back(), plan.outer = plan.nest.iterations(plan.nest.depth() - 1);
    if (plan.m * plan.outer == 0) return NothingToDo::make();
    plan.tile_pixels = std::max<int64_t>(1, kTileFloats / plan.s.channels);
    RK_CHECK(plan.tail.set_rows(plan.nest, plan.tile_pixels * plan.s.channels));
    plan.in_blocks = fits_blocks(plan.s);
    const int64_t rows = plan.s.batch * plan.rows();
    plan.workers = int(std::min<int64_t>(
        rows, worker_count(plan.s.outputs() * plan.s.channels, kElementGrain, shapes.threads)));
    return std::unique_ptr<Launch>(std::make_unique<DepthwiseLaunch>(std::move(plan), depthwise_kernels(isa_),
                                                                     depthwise_block_kernels(isa_)));
  }

 private:
  Status check(const LaunchShapes& shapes, const Sliding& s) const {
    const ArgShape& w = shapes.inputs[1];
    if (shapes.inputs[0].dtype != DType::f32 || w.dtype != DType::f32)
      return bad_depthwise("x and the weights must be f32");
    if (s.channels != params_.channels || shapes.outputs[0].dims.back() != params_.channels)
      return bad_depthwise(std::to_string(s.channels) + " to " +
                           std::to_string(shapes.outputs[0].dims.back()) + " channels, expected " +
                           std::to_string(params_.channels) + " for both");
    if (!is_contiguous(w) || count_of(w.dims) != s.taps() * params_.channels)
      return bad_depthwise("the weights are " + to_string(w.dims) + ", expected " +
                           std::to_string(s.taps() * params_.channels) + " elements");
    if (params_.has_bias && !is_vector(shapes.inputs[2], params_.channels))
      return bad_depthwise("the bias is not f32[" + std::to_string(params_.channels) + "]");
    return {};
  }

  DepthwiseParams params_;
  KernelProgram tail_{params_.tail};
  Isa isa_;
};

}  // namespace

Tensor pack_depthwise_weights(const Tensor& w) {
  RK_ASSERT(w.rank() >= 3 && w.dims()[1] == 1, "depthwise weights are C, 1, kernel…");
  const int64_t channels = w.dims()[0], taps = channels ? w.count() / channels : 0;
  Dims dims(w.dims().begin() + 2, w.dims().end());
  dims.push_back(channels);
  Tensor packed(DType::f32, std::move(dims));
  transpose_floats(w.data<float>(), taps, channels, taps, packed.data<float>(), channels);
  return packed;
}

Result<std::shared_ptr<const Kernel>> make_depthwise(std::string_view params, Isa isa) {
  RK_TRY(DepthwiseParams p, from_bytes<DepthwiseParams>(params));
  if (p.channels < 1) return bad_depthwise(std::to_string(p.channels) + " channels");
  return std::shared_ptr<const Kernel>(std::make_shared<DepthwiseKernel>(std::move(p), isa));
}

}  // namespace rekindle::cpu
