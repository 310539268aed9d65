// cpu.pool: pixel by pixel, from the addresses of the pixels under the window.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/pool.h"

#include <limits>

#include "backends/cpu/host_kernels.h"
#include "backends/cpu/isa/pool_positions.h"
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
  bool counts_padding = false, with_indices = false;
  int64_t end_y = 0, end_x = 0;
  int64_t out_batch_step = 0, out_y_step = 0, out_x_step = 0;
  int workers = 1;
};

class PoolLaunch final : public Launch {
 public:
  PoolLaunch(const PoolPlan& plan, Isa isa)
      : p_(plan), kernels_(pool_kernels(isa)), max_with_positions_(pool_positions(isa)) {
    worker_bytes_ = padded_bytes(p_.s.taps() * int64_t(sizeof(float*) + sizeof(int32_t)));
  }
  int64_t workspace_bytes() const override { return p_.workers * worker_bytes_; }

  Status run(Stream&, const void* const* inputs, void* const* outputs, void* workspace) override {
    const auto x = static_cast<const float*>(inputs[0]);
    const auto y = static_cast<float*>(outputs[0]);
    share_items(p_.s.batch * p_.s.y.out, p_.workers, [&](int worker, int64_t begin, int64_t end) {
      const auto taps =
          reinterpret_cast<const float**>(static_cast<char*>(workspace) + worker * worker_bytes_);
      for (int64_t row = begin; row < end; ++row) {
        if (p_.with_indices)
          run_row_with_indices(x, y, static_cast<int64_t*>(outputs[1]), row, taps);
        else
          run_row(x, y, row / p_.s.y.out, row % p_.s.y.out, taps);
      }
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

  void run_row_with_indices(const float* x, float* y, int64_t* indices, int64_t row,
                            const float** taps) const {
    const Sliding& s = p_.s;
    const int64_t n = row / s.y.out, oy = row % s.y.out;
    const auto positions = reinterpret_cast<int32_t*>(taps + s.taps());
    PoolPositionsJob job{taps, positions, 0, s.channels};
    job.plane = s.y.in * s.x.in, job.first_plane = n * s.channels * job.plane;
    job.out = y + n * p_.out_batch_step + oy * p_.out_y_step;
    job.at = indices + row * s.x.out * s.channels;
    int64_t y0, y1, x0, x1;
    s.y.taps_inside(oy, y0, y1);
    for (int64_t ox = 0; ox < s.x.out; ++ox, job.out += p_.out_x_step, job.at += s.channels) {
      s.x.taps_inside(ox, x0, x1);
      job.count = 0;
      for (int64_t ky = y0; ky < y1; ++ky)
        for (int64_t kx = x0; kx < x1; ++kx, ++job.count) {
          const int64_t iy = s.y.at(oy, ky), ix = s.x.at(ox, kx);
          taps[job.count] = x + n * s.batch_step + iy * s.y_step + ix * s.x_step;
          positions[job.count] = int32_t(iy * s.x.in + ix);
        }
      if (job.count > 0) {
        max_with_positions_(job);
      } else {  // padding alone
        std::fill_n(job.out, s.channels, -std::numeric_limits<float>::infinity());
        std::fill_n(job.at, s.channels, int64_t(-1));
      }
    }
  }

  PoolPlan p_;
  const PoolKernels& kernels_;
  PoolPositions max_with_positions_;
  int64_t worker_bytes_;
};

Status bad_pool(const std::string& what) { return Status::error(Code::invalid_argument, "pool: " + what); }

class PoolKernel final : public Kernel {
 public:
  PoolKernel(PoolParams params, Isa isa) : params_(std::move(params)), isa_(isa) {}

  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    const size_t outputs = params_.with_indices ? 2 : 1;
    if (shapes.inputs.size() != 1 || shapes.outputs.size() != outputs)
      return bad_pool("expected 1 input and " + std::to_string(outputs) + " outputs");
    const ArgShape &x = shapes.inputs[0], &y = shapes.outputs[0];
    PoolPlan plan;
    plan.op = params_.op, plan.counts_padding = params_.count_include_pad;
    plan.with_indices = params_.with_indices;
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
    if (params_.with_indices) RK_CHECK(check_indices(plan.s, shapes.outputs[1], y));
    plan.out_batch_step = steps[0], plan.out_x_step = steps[rank];
    if (rank == 2) plan.out_y_step = steps[1];
    if (!params_.end.empty()) plan.end_x = params_.end.back(), plan.end_y = rank == 2 ? params_.end[0] : 0;
    const int64_t rows = plan.s.batch * plan.s.y.out;
    const int64_t read = plan.s.outputs() * plan.s.channels * std::min<int64_t>(plan.s.taps(), 64);
    plan.workers = int(std::clamp<int64_t>(rows, 1, worker_count(read, kElementGrain, shapes.threads)));
    return std::unique_ptr<Launch>(std::make_unique<PoolLaunch>(plan, isa_));
  }

 private:
  static Status check_indices(const Sliding& s, const ArgShape& indices, const ArgShape& y) {
    if (indices.dtype != DType::i64 || indices.dims != y.dims || !is_contiguous(indices))
      return bad_pool("indices " + std::string(to_string(indices.dtype)) + to_string(indices.dims) +
                      ", expected i64" + to_string(y.dims) + " without gaps");
    if (s.y.in * s.x.in > INT32_MAX)
      return bad_pool("planes of " + std::to_string(s.y.in * s.x.in) +
                      " elements have no positions of 32 bits");
    return {};
  }

  PoolParams params_;
  Isa isa_;
};

}  // namespace

Result<std::shared_ptr<const Kernel>> make_pool(std::string_view params, Isa isa) {
  RK_TRY(PoolParams p, from_bytes<PoolParams>(params));
  if (p.with_indices && p.op != PoolOp::max) return bad_pool("only a max pool has indices");
  return std::shared_ptr<const Kernel>(std::make_shared<PoolKernel>(std::move(p), isa));
}

}  // namespace rekindle::cpu
