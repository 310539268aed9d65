// cpu.gather: indices are checked first, then runs are copied.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/gather.h"

#include <cstring>

#include "backends/cpu/host_kernels.h"
#include "backends/cpu/loop_nest.h"
#include "backends/cpu/workers.h"

namespace rekindle::cpu {

Result<std::shared_ptr<const Kernel>> make_gather(std::string_view params, Isa isa);

namespace {

constexpr int64_t kByteGrain = 65536;  // the least bytes worth a thread

Status bad(const std::string& what) { return Status::error(Code::invalid_argument, what); }

struct GatherPlan {
  int64_t outer = 1, size = 1, count = 1, run_bytes = 1;  // x is outer by size runs, y outer by count
  bool wide_indices = true;
  int workers = 1;
};

/// One run, of a length the compiler knows when it is that of a number.
void copy_run(char* to, const char* from, int64_t bytes) {
  switch (bytes) {
    case 4:
      std::memcpy(to, from, 4);
      break;
    case 8:
      std::memcpy(to, from, 8);
      break;
    default:
      std::memcpy(to, from, size_t(bytes));
  }
}

class GatherLaunch final : public Launch {
 public:
  explicit GatherLaunch(GatherPlan plan) : plan_(plan) {}
  Status run(Stream&, const void* const* inputs, void* const* outputs, void*) override {
    return plan_.wide_indices ? gather(static_cast<const int64_t*>(inputs[1]), inputs[0], outputs[0])
                              : gather(static_cast<const int32_t*>(inputs[1]), inputs[0], outputs[0]);
  }

 private:
  template <class I> Status gather(const I* indices, const void* x, void* y) const {
    for (int64_t i = 0; i < plan_.count; ++i)
      if (indices[i] < -plan_.size || indices[i] >= plan_.size)
        return bad("gather: index " + std::to_string(indices[i]) + " is outside an axis of size " +
                   std::to_string(plan_.size));
    share_items(plan_.outer * plan_.count, plan_.workers, [&](int, int64_t begin, int64_t end) {
      for (int64_t run = begin; run < end; ++run) {
        const int64_t index = indices[run % plan_.count];
        const int64_t from = run / plan_.count * plan_.size + (index < 0 ? index + plan_.size : index);
        copy_run(static_cast<char*>(y) + run * plan_.run_bytes,
                 static_cast<const char*>(x) + from * plan_.run_bytes, plan_.run_bytes);
      }
    });
    return {};
  }
  GatherPlan plan_;
};

class GatherKernel final : public Kernel {
 public:
  explicit GatherKernel(GatherParams params) : params_(params) {}
  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    if (shapes.inputs.size() != 2 || shapes.outputs.size() != 1)
      return bad("gather takes 2 inputs and makes 1 output");
    const ArgShape &x = shapes.inputs[0], &indices = shapes.inputs[1], &y = shapes.outputs[0];
    if (x.dtype != y.dtype || bits_of(x.dtype) < 8)
      return bad("gather of " + std::string(to_string(x.dtype)));
    if (indices.dtype != DType::i64 && indices.dtype != DType::i32)
      return bad("indices are " + std::string(to_string(indices.dtype)) + ", expected i64 or i32");
    if (!is_contiguous(x) || !is_contiguous(indices) || !is_contiguous(y))
      return bad("gather of strided tensors");
    if (params_.axis < 0 || params_.axis >= int64_t(x.dims.size()))
      return bad("axis " + std::to_string(params_.axis) + " of " + to_string(x.dims));
    GatherPlan plan;
    plan.run_bytes = bits_of(x.dtype) / 8;
    for (size_t i = 0; i < x.dims.size(); ++i) {
      if (int64_t(i) < params_.axis) plan.outer *= x.dims[i];
      if (int64_t(i) > params_.axis) plan.run_bytes *= x.dims[i];
    }
    plan.size = x.dims[size_t(params_.axis)];
    plan.count = count_of(indices.dims);
    plan.wide_indices = indices.dtype == DType::i64;
    const int64_t bytes = plan.outer * plan.count * plan.run_bytes;
    if (bytes != count_of(y.dims) * (bits_of(y.dtype) / 8))
      return bad("an output of shape " + to_string(y.dims) + " for gathering from " + to_string(x.dims));
    plan.workers = worker_count(bytes, kByteGrain, shapes.threads);
    return std::unique_ptr<Launch>(std::make_unique<GatherLaunch>(plan));
  }

 private:
  GatherParams params_;
};

}  // namespace

Result<std::shared_ptr<const Kernel>> make_gather(std::string_view params, Isa) {
  RK_TRY(GatherParams p, from_bytes<GatherParams>(params));
  return std::shared_ptr<const Kernel>(std::make_shared<GatherKernel>(p));
}

}  // namespace rekindle::cpu
