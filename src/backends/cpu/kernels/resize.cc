// cpu.resize: nearest neighbours are a mapped copy; other modes are weighted sums of rows, one axis after the
// other.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/resize.h"

#include <algorithm>
#include <cstring>

#include "backends/cpu/host_kernels.h"
#include "backends/cpu/isa/rows.h"
#include "backends/cpu/kernels/mapped_copy.h"
#include "backends/cpu/workers.h"
#include "math/resize_taps.h"

namespace rekindle::cpu {

Result<std::shared_ptr<const Kernel>> make_resize(std::string_view params, Isa isa);

namespace {

constexpr int64_t kElementGrain = 16384;  // the least elements worth a thread

Status bad(const std::string& what) { return Status::error(Code::invalid_argument, what); }

class NearestLaunch final : public Launch {
 public:
  explicit NearestLaunch(MappedCopy copy) : copy_(std::move(copy)) {}
  Status run(Stream&, const void* const* inputs, void* const* outputs, void*) override {
    copy_.run(inputs[0], outputs[0], nullptr);
    return {};
  }

 private:
  MappedCopy copy_;
};

/// One axis: outer lines of `in` rows become `out` rows of `inner` elements.
struct Pass {
  int64_t outer = 1, in = 1, out = 1, inner = 1;
  std::vector<int64_t> begin, index;  // taps begin[o] … begin[o + 1] make row o
  std::vector<float> weight;
  int workers = 1;
  int64_t count() const { return outer * out * inner; }
};

class ResizeLaunch final : public Launch {
 public:
  ResizeLaunch(std::vector<Pass> passes, int64_t count, Isa isa)
      : passes_(std::move(passes)), lines_(line_kernels(isa)), count_(count) {
    for (size_t i = 0; i + 1 < passes_.size(); ++i)
      stage_bytes_ = std::max(stage_bytes_, padded_bytes(passes_[i].count() * int64_t(sizeof(float))));
  }
  int64_t workspace_bytes() const override { return 2 * stage_bytes_; }

  Status run(Stream&, const void* const* inputs, void* const* outputs, void* workspace) override {
    const auto* from = static_cast<const float*>(inputs[0]);
    if (passes_.empty() && count_ > 0) std::memcpy(outputs[0], from, size_t(count_) * sizeof(float));
    for (size_t i = 0; i < passes_.size(); ++i) {
      const bool is_last = i + 1 == passes_.size();
      void* const stage = static_cast<char*>(workspace) + int64_t(i % 2) * stage_bytes_;
      auto* const to = static_cast<float*>(is_last ? outputs[0] : stage);
      run_pass(passes_[i], from, to);
      from = to;
    }
    return {};
  }

 private:
  void run_pass(const Pass& p, const float* from, float* to) const {
    if (p.inner == 1) {
      share_items(p.outer, p.workers, [&](int, int64_t begin, int64_t end) {
        for (int64_t line = begin; line < end; ++line) sample(p, from + line * p.in, to + line * p.out);
      });
      return;
    }
    share_items(p.outer * p.out, p.workers, [&](int, int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const auto o = size_t(row % p.out);
        const float* const x = from + row / p.out * p.in * p.inner;
        float* const y = to + row * p.inner;
        int64_t t = p.begin[o];
        lines_.shift_scale(x + p.index[size_t(t)] * p.inner, y, p.inner, 0, p.weight[size_t(t)]);
        for (++t; t < p.begin[o + 1]; ++t)
          lines_.add_scaled(y, x + p.index[size_t(t)] * p.inner, p.inner, p.weight[size_t(t)]);
      }
    });
  }
  static void sample(const Pass& p, const float* x, float* y) {
    for (int64_t o = 0; o < p.out; ++o) {
      float sum = 0;
      for (int64_t t = p.begin[size_t(o)]; t < p.begin[size_t(o) + 1]; ++t)
        sum += p.weight[size_t(t)] * x[p.index[size_t(t)]];
      y[o] = sum;
    }
  }

  std::vector<Pass> passes_;
  const LineKernels& lines_;
  int64_t count_, stage_bytes_ = 0;
};

class ResizeKernel final : public Kernel {
 public:
  ResizeKernel(ResizeParams params, Isa isa) : params_(std::move(params)), isa_(isa) {}

  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    if (shapes.inputs.size() != 1 || shapes.outputs.size() != 1)
      return bad("resize takes 1 input and makes 1 output");
    const ArgShape &x = shapes.inputs[0], &y = shapes.outputs[0];
    const bool is_copy = params_.op.mode == ops::ResizeMode::nearest;
    if (x.dtype != y.dtype || x.dims.size() != y.dims.size() ||
        (is_copy ? bits_of(x.dtype) < 8 : x.dtype != DType::f32 || !is_contiguous(x) || !is_contiguous(y)))
      return bad("resize from " + std::string(to_string(x.dtype)) + to_string(x.dims) + " to " +
                 std::string(to_string(y.dtype)) + to_string(y.dims));
    RK_TRY(std::vector<ops::ResizedAxis> axes, resized_axes(x.dims, y.dims));
    if (is_copy) {
      std::vector<AxisMap> maps(x.dims.size());
      if (count_of(y.dims) > 0)
        for (const ops::ResizedAxis& a : axes)
          for (const ops::Tap& tap : make_taps(params_.op, a).taps) maps[size_t(a.axis)].push_back(tap.index);
      RK_TRY(MappedCopy copy, MappedCopy::make(x, y, maps, shapes.threads));
      return std::unique_ptr<Launch>(std::make_unique<NearestLaunch>(std::move(copy)));
    }
    const int64_t count = count_of(y.dims);
    std::vector<Pass> passes;
    // What shrinks comes first, so that nothing between is larger than both ends.
    std::stable_sort(axes.begin(), axes.end(),
                     [](const auto& a, const auto& b) { return a.out * b.in < b.out * a.in; });
    Dims dims = x.dims;
    for (const ops::ResizedAxis& a : axes) {
      if (count == 0) break;
      passes.push_back(make_pass(a, dims, shapes.threads));
      dims[size_t(a.axis)] = a.out;
    }
    return std::unique_ptr<Launch>(std::make_unique<ResizeLaunch>(std::move(passes), count, isa_));
  }

 private:
  /// The axes that change.
  Result<std::vector<ops::ResizedAxis>> resized_axes(const Dims& in, const Dims& out) const {
    std::vector<ops::ResizedAxis> axes;
    std::vector<bool> listed(in.size(), false);
    for (size_t i = 0; i < params_.op.axes.size(); ++i) {
      const int64_t axis = params_.op.axes[i];
      if (axis < 0 || axis >= int64_t(in.size()))
        return bad("axis " + std::to_string(axis) + " of " + to_string(in));
      listed[size_t(axis)] = true;
      ops::ResizedAxis a;
      a.axis = int(axis), a.in = in[size_t(axis)], a.out = out[size_t(axis)];
      if (a.in == 0 && a.out > 0)
        return bad("axis " + std::to_string(axis) + " of " + to_string(in) + " is empty");
      a.scale = i < params_.op.scales.size() ? params_.op.scales[i]
                : a.in == 0                  ? 1.0F
                                             : float(a.out) / float(a.in);
      const bool is_identity = a.in == a.out && a.scale == 1 &&
                               params_.op.coordinates != ops::ResizeCoordinates::tf_half_pixel_for_nn;
      if (!is_identity) axes.push_back(a);
    }
    for (size_t d = 0; d < in.size(); ++d)
      if (!listed[d] && in[d] != out[d])
        return bad("dim " + std::to_string(d) + " of " + to_string(in) + " is not resized");
    return axes;
  }

  Pass make_pass(const ops::ResizedAxis& a, const Dims& dims, int threads) const {
    Pass pass;
    for (size_t d = 0; d < dims.size(); ++d) {
      if (d < size_t(a.axis)) pass.outer *= dims[d];
      if (d > size_t(a.axis)) pass.inner *= dims[d];
    }
    pass.in = a.in, pass.out = a.out;
    const ops::AxisTaps taps = make_taps(params_.op, a);
    pass.begin.assign(taps.begin.begin(), taps.begin.end());
    for (const ops::Tap& tap : taps.taps)
      pass.index.push_back(tap.index), pass.weight.push_back(float(tap.weight));
    pass.workers = worker_count(pass.count(), kElementGrain, threads);
    return pass;
  }

  ResizeParams params_;
  Isa isa_;
};

}  // namespace

Result<std::shared_ptr<const Kernel>> make_resize(std::string_view params, Isa isa) {
  RK_TRY(ResizeParams p, from_bytes<ResizeParams>(params));
  return std::shared_ptr<const Kernel>(std::make_shared<ResizeKernel>(std::move(p), isa));
}

}  // namespace rekindle::cpu
