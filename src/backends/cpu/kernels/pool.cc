// cpu.pool: pixel by pixel, from the addresses of the pixels under the window.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/pool.h"

#include "backends/cpu/host_kernels.h"
#include "backends/cpu/loop_nest.h"
#include "backends/cpu/sliding.h"
#include "backends/cpu/workers.h"

namespace rekindle::cpu {

Result<std::shared_ptr<const Kernel>> make_pool(std::string_view params, Isa isa);

namespace {

constexpr int64_t kElementGrain = 65536;  // elements read: the least worth a thread

struct PoolPlan {
  Sliding s;
  PoolOp op = PoolOp::max;
  bool counts_padding = false;
  int64_t end_y = 0, end_x = 0;
  int64_t out_batch_step = 0, out_y_step = 0, out_x_step = 0;
  int workers = 1;
};

class PoolLaunch final : public Launch {
 public:
  PoolLaunch(const PoolPlan& plan, const PoolKernels& kernels) : p_(plan), kernels_(kernels) {
    worker_bytes_ = padded_bytes(p_.s.taps() * int64_t(sizeof(float*)));
  }
  int64_t workspace_bytes() const override { return p_.workers * worker_bytes_; }

  Status run(Stream&, const void* const* inputs, void* const* outputs, void* workspace) override {
    const auto x = static_cast<const float*>(inputs[0]);
    const auto y = static_cast<float*>(outputs[0]);
    share_items(p_.s.batch * p_.s.y.out, p_.workers, [&](int worker, int64_t begin, int64_t end) {
      const auto taps =
          reinterpret_cast<const float**>(static_cast<char*>(workspace) + worker * worker_bytes_);
      for (int64_t row = begin; row < end; ++row) run_row(x, y, row / p_.s.y.out, row % p_.s.y.out, taps);
    });
    return {};
  }

 private:
  /// Taps of output o that lie in the image or the padding.
  static int64_t taps_with_padding(const Sliding::Axis& axis, int64_t o, int64_t end) {
    const int64_t room = axis.in + end - 1 - axis.at(o, 0);
    return room < 0 ? 0 : std::min(axis.kernel, room / axis.dilation + 1);
  }

  void run_row(const float* x, float* y, int64_t n, int64_t oy, const float** taps) const {
    const Sliding& s = p_.s;
    int64_t y0, y1, x0, x1;
    s.y.taps_inside(oy, y0, y1);
    float* out = y + n * p_.out_batch_step + oy * p_.out_y_step;
    for (int64_t ox = 0; ox < s.x.out; ++ox, out += p_.out_x_step) {
      s.x.taps_inside(ox, x0, x1);
      int64_t count = 0;
      for (int64_t ky = y0; ky < y1; ++ky)
        for (int64_t kx = x0; kx < x1; ++kx)
          taps[count++] = x + n * s.batch_step + s.y.at(oy, ky) * s.y_step + s.x.at(ox, kx) * s.x_step;
      if (p_.op == PoolOp::max) {
        kernels_.max(taps, count, s.channels, out);
      } else {
        const int64_t all = p_.counts_padding
                                ? taps_with_padding(s.y, oy, p_.end_y) * taps_with_padding(s.x, ox, p_.end_x)
                                : count;
        kernels_.sum(taps, count, all > 0 ? float(1.0 / double(all)) : 0.0f, s.channels, out);
      }
    }
  }

  PoolPlan p_;
  const PoolKernels& kernels_;
  int64_t worker_bytes_;
};

Status bad_pool(const std::string& what) { return Status::error(Code::invalid_argument, "pool: " + what); }

class PoolKernel final : public Kernel {
 public:
  PoolKernel(PoolParams params, Isa isa) : params_(std::move(params)), isa_(isa) {}

  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    if (shapes.inputs.size() != 1 || shapes.outputs.size() != 1)
      return bad_pool("expected one input and one output");
    const ArgShape &x = shapes.inputs[0], &y = shapes.outputs[0];
    PoolPlan plan;
    plan.op = params_.op, plan.counts_padding = params_.count_include_pad;
    RK_TRY(plan.s, Sliding::make(params_.window, x, y, false, "pool"));
    if (x.dtype != DType::f32 || y.dtype != DType::f32) return bad_pool("x and y must be f32");
    const size_t rank = y.dims.size() - 2;
    const Dims steps = strides_of(y);
    if (y.dims.back() != plan.s.channels || (plan.s.channels > 1 && steps.back() != 1))
      return bad_pool("output " + to_string(y.dims) + " for " + std::to_string(plan.s.channels) +
                      " channels without gaps");
    if (!params_.end.empty() && params_.end.size() != rank)
      return bad_pool("padding of the wrong number of axes");
    for (const int64_t end : params_.end)
      if (end < 0 || end > int64_t(1) << 30) return bad_pool("padding of " + std::to_string(end));
    plan.out_batch_step = steps[0], plan.out_x_step = steps[rank];
    if (rank == 2) plan.out_y_step = steps[1];
    if (!params_.end.empty()) plan.end_x = params_.end.back(), plan.end_y = rank == 2 ? params_.end[0] : 0;
    const int64_t rows = plan.s.batch * plan.s.y.out;
    const int64_t read = plan.s.outputs() * plan.s.channels * std::min<int64_t>(plan.s.taps(), 64);
    plan.workers = int(std::clamp<int64_t>(rows, 1, worker_count(read, kElementGrain, shapes.threads)));
    return std::unique_ptr<Launch>(std::make_unique<PoolLaunch>(plan, pool_kernels(isa_)));
  }

 private:
  PoolParams params_;
  Isa isa_;
};

}  // namespace

Result<std::shared_ptr<const Kernel>> make_pool(std::string_view params, Isa isa) {
  RK_TRY(PoolParams p, from_bytes<PoolParams>(params));
  return std::shared_ptr<const Kernel>(std::make_shared<PoolKernel>(std::move(p), isa));
}

}  // namespace rekindle::cpu
