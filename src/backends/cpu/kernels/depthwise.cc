// cpu.depthwise: rows of output pixels, straight into the output or through a tile for longer tails.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/depthwise.h"

#include "backends/cpu/host_kernels.h"
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
  int workers = 1;
};

class DepthwiseLaunch final : public Launch {
 public:
  DepthwiseLaunch(DepthwisePlan plan, const DepthwiseKernels& kernels)
      : p_(std::move(plan)), kernels_(kernels) {
    const int64_t floats =
        p_.tail.in_registers() ? 0 : p_.tile_pixels * p_.s.channels + p_.tail.scratch_floats();
    worker_bytes_ = padded_bytes(floats * int64_t(sizeof(float)));
  }
  int64_t workspace_bytes() const override { return p_.workers * worker_bytes_; }

  Status run(Stream&, const void* const* inputs, void* const* outputs, void* workspace) override {
    const Sliding& s = p_.s;
    const Call call{static_cast<const float*>(inputs[0]), static_cast<const float*>(inputs[1]),
                    p_.has_bias ? static_cast<const float*>(inputs[2]) : nullptr,
                    inputs + (p_.has_bias ? 3 : 2), outputs};
    share_items(s.batch * s.y.out, p_.workers, [&](int worker, int64_t begin, int64_t end) {
      const auto scratch = reinterpret_cast<float*>(static_cast<char*>(workspace) + worker * worker_bytes_);
      for (int64_t row = begin; row < end; ++row) run_row(call, row / s.y.out, row % s.y.out, scratch);
    });
    return {};
  }

 private:
  struct Call {
    const float *x, *weights, *bias;
    const void* const* operands;
    void* const* outputs;
  };

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
      job.clips = end.clips, job.low = end.low, job.high = end.high;
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
  int64_t worker_bytes_;
};

class NothingToDo final : public Launch {
  Status run(Stream&, const void* const*, void* const*, void*) override { return {}; }
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
    RK_TRY(plan.tail, Tail::make(params_.tail, shapes.inputs.subspan(fixed), shapes.outputs, isa_));
    const Dims& out = shapes.outputs[0].dims;
    RK_TRY(plan.nest, LoopNest::make({out.begin(), out.end() - 1}, plan.tail.row_strides(), false));
    if (plan.nest.depth() == 0) {
      plan.nest.dims.push_back(1);
      for (Dims& s : plan.nest.strides) s.push_back(0);
    }
    plan.m = plan.nest.dims.back(), plan.outer = plan.nest.iterations(plan.nest.depth() - 1);
    if (plan.m * plan.outer == 0) return std::unique_ptr<Launch>(std::make_unique<NothingToDo>());
    plan.tile_pixels = std::max<int64_t>(1, kTileFloats / plan.s.channels);
    RK_CHECK(plan.tail.set_rows(plan.nest, plan.tile_pixels * plan.s.channels));
    const int64_t rows = plan.s.batch * plan.s.y.out;
    plan.workers = int(std::min<int64_t>(
        rows, worker_count(plan.s.outputs() * plan.s.channels, kElementGrain, shapes.threads)));
    return std::unique_ptr<Launch>(
        std::make_unique<DepthwiseLaunch>(std::move(plan), depthwise_kernels(isa_)));
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
    if (params_.has_bias && (shapes.inputs[2].dtype != DType::f32 || !is_contiguous(shapes.inputs[2]) ||
                             shapes.inputs[2].dims != Dims{params_.channels}))
      return bad_depthwise("the bias is not f32[" + std::to_string(params_.channels) + "]");
    return {};
  }

  DepthwiseParams params_;
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
