// cpu.max_unpool: band by band of the output, zeros first, then the elements that belong there.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/max_unpool.h"

#include <algorithm>
#include <atomic>

#include "backends/cpu/host_kernels.h"
#include "backends/cpu/loop_nest.h"
#include "backends/cpu/workers.h"

namespace rekindle::cpu {

Result<std::shared_ptr<const Kernel>> make_max_unpool(std::string_view params, Isa isa);

namespace {

constexpr int64_t kElementGrain = 32768;  // elements of x: the least worth a thread

Status bad(const std::string& what) { return Status::error(Code::invalid_argument, "max_unpool: " + what); }

struct UnpoolPlan {
  bool channels_last = false;
  int64_t batch = 0, channels = 0;
  int64_t in = 0, out = 0;  // elements of a plane of x and y
  int64_t bands = 1;        // of planes; a band of x goes to the band of y of that number
  int workers = 1;
};

/// Elements expected in [low, high) of their planes, from pixel `first` to `last` of each.
struct Band {
  int64_t first, last, low, high;
};

class UnpoolLaunch final : public Launch {
 public:
  explicit UnpoolLaunch(const UnpoolPlan& plan) : p_(plan) {}

  Status run(Stream&, const void* const* inputs, void* const* outputs, void*) override {
    const auto x = static_cast<const float*>(inputs[0]);
    const auto indices = static_cast<const int64_t*>(inputs[1]);
    const auto y = static_cast<float*>(outputs[0]);
    std::atomic<bool> all_fit = true;
    // Planes are independent as long as every index stays in its own: workers take some channels each.
    const int64_t items = p_.channels_last ? p_.channels : p_.batch * p_.channels;
    share_items(items, p_.workers, [&](int, int64_t begin, int64_t end) {
      const bool fit = p_.channels_last ? run_channels_last(x, indices, y, begin, end)
                                        : run_planes(x, indices, y, begin, end);
      if (!fit) all_fit = false;
    });
    return all_fit ? Status{} : run_anywhere(x, indices, y);
  }

 private:
  /// Wraps around instead of overflowing; then it is outside every band.
  static int64_t distance(int64_t index, int64_t start) { return int64_t(uint64_t(index) - uint64_t(start)); }
  Band band(int64_t b) const {
    return {p_.in * b / p_.bands, p_.in * (b + 1) / p_.bands, p_.out * b / p_.bands,
            p_.out * (b + 1) / p_.bands};
  }

  bool run_planes(const float* x, const int64_t* indices, float* y, int64_t begin, int64_t end) const {
    for (int64_t plane = begin; plane < end; ++plane)
      for (int64_t b = 0; b < p_.bands; ++b) {
        const Band at = band(b);
        float* const to = y + plane * p_.out;
        std::fill(to + at.low, to + at.high, 0.0f);
        for (int64_t i = plane * p_.in + at.first; i < plane * p_.in + at.last; ++i) {
          const int64_t place = distance(indices[i], plane * p_.out);
          if (place < at.low || place >= at.high) return false;
          to[place] = x[i];
        }
      }
    return true;
  }

  bool run_channels_last(const float* x, const int64_t* indices, float* y, int64_t begin, int64_t end) const {
    for (int64_t n = 0; n < p_.batch; ++n)
      for (int64_t b = 0; b < p_.bands; ++b) {
        const Band at = band(b);
        float* const to = y + n * p_.out * p_.channels;
        if (end - begin == p_.channels)
          std::fill(to + at.low * p_.channels, to + at.high * p_.channels, 0.0f);
        else
          for (int64_t pixel = at.low; pixel < at.high; ++pixel)
            std::fill(to + pixel * p_.channels + begin, to + pixel * p_.channels + end, 0.0f);
        for (int64_t pixel = at.first; pixel < at.last; ++pixel) {
          const int64_t from = (n * p_.in + pixel) * p_.channels;
          int64_t plane = (n * p_.channels + begin) * p_.out;
          for (int64_t c = begin; c < end; ++c, plane += p_.out) {
            const int64_t place = distance(indices[from + c], plane);
            if (place < at.low || place >= at.high) return false;
            to[place * p_.channels + c] = x[from + c];
          }
        }
      }
    return true;
  }

  /// Whatever the indices are; in N, C, spatial order, so that the last of several for one place stays.
  Status run_anywhere(const float* x, const int64_t* indices, float* y) const {
    const int64_t count = p_.batch * p_.channels * p_.out;
    std::fill(y, y + count, 0.0f);
    for (int64_t plane = 0; plane < p_.batch * p_.channels; ++plane)
      for (int64_t pixel = 0; pixel < p_.in; ++pixel) {
        const int64_t from = p_.channels_last
                                 ? (plane / p_.channels * p_.in + pixel) * p_.channels + plane % p_.channels
                                 : plane * p_.in + pixel;
        const int64_t index = indices[from];
        if (index < 0 || index >= count)
          return bad("index " + std::to_string(index) + " is outside the " + std::to_string(count) +
                     " elements of the output");
        const int64_t to_plane = index / p_.out, place = index % p_.out;
        y[p_.channels_last ? (to_plane / p_.channels * p_.out + place) * p_.channels + to_plane % p_.channels
                           : index] = x[from];
      }
    return {};
  }

  UnpoolPlan p_;
};

class UnpoolKernel final : public Kernel {
 public:
  explicit UnpoolKernel(MaxUnpoolParams params) : params_(params) {}

  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    if (shapes.inputs.size() != 2 || shapes.outputs.size() != 1) return bad("expected 2 inputs and 1 output");
    const ArgShape &x = shapes.inputs[0], &indices = shapes.inputs[1], &y = shapes.outputs[0];
    if (x.dtype != DType::f32 || y.dtype != DType::f32 || indices.dtype != DType::i64)
      return bad("x and y must be f32, indices i64");
    const size_t rank = x.dims.size();
    if (rank < 3 || y.dims.size() != rank || indices.dims != x.dims)
      return bad("x " + to_string(x.dims) + ", indices " + to_string(indices.dims) + " and y " +
                 to_string(y.dims) + " do not fit together");
    for (const ArgShape* arg : {&x, &indices, &y})
      if (!is_contiguous(*arg)) return bad("a strided argument");
    const size_t channels = params_.channels_last ? rank - 1 : 1, first = params_.channels_last ? 1 : 2;
    UnpoolPlan plan;
    plan.channels_last = params_.channels_last;
    plan.batch = x.dims[0], plan.channels = x.dims[channels];
    if (y.dims[0] != plan.batch || y.dims[channels] != plan.channels)
      return bad("y " + to_string(y.dims) + " for x " + to_string(x.dims));
    plan.in = plan.out = 1;
    for (size_t i = first; i < first + rank - 2; ++i) plan.in *= x.dims[i], plan.out *= y.dims[i];
    if (params_.rows_each > 0 && y.dims[first] / params_.rows_each == x.dims[first] &&
        y.dims[first] % params_.rows_each == 0)
      plan.bands = std::max<int64_t>(1, x.dims[first]);
    const int64_t items = plan.channels_last ? plan.channels / 16 : plan.batch * plan.channels;
    plan.workers = int(
        std::clamp<int64_t>(worker_count(plan.batch * plan.channels * plan.in, kElementGrain, shapes.threads),
                            1, std::max<int64_t>(1, items)));
    return std::unique_ptr<Launch>(std::make_unique<UnpoolLaunch>(plan));
  }

 private:
  MaxUnpoolParams params_;
};

}  // namespace

Result<std::shared_ptr<const Kernel>> make_max_unpool(std::string_view params, Isa) {
  RK_TRY(MaxUnpoolParams p, from_bytes<MaxUnpoolParams>(params));
  return std::shared_ptr<const Kernel>(std::make_shared<UnpoolKernel>(p));
}

}  // namespace rekindle::cpu
