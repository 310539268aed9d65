// cpu.arg_reduce: lines along the axis one by one, or all lines of a slab together.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/arg_reduce.h"

#include "backends/cpu/host_kernels.h"
#include "backends/cpu/loop_nest.h"
#include "backends/cpu/workers.h"

namespace rekindle::cpu {

Result<std::shared_ptr<const Kernel>> make_arg_reduce(std::string_view params, Isa isa);

namespace {

constexpr int64_t kElementGrain = 16384;  // the least elements worth a thread

Status bad(const std::string& what) { return Status::error(Code::invalid_argument, what); }

/// NaN is beyond every number.
template <bool largest, bool last> bool beyond(float value, float best) {
  if (value != value) return best == best || last;
  if (best != best) return false;
  if (last && value == best) return true;
  return largest ? value > best : value < best;
}

struct Slabs {
  int64_t outer = 1, n = 1, inner = 1;
};
using Search = void (*)(const Slabs&, const float* x, int64_t* best, int64_t begin, int64_t end);
template <bool largest, bool last>
void search(const Slabs& s, const float* x, int64_t* best, int64_t begin, int64_t end) {
  for (int64_t o = begin; o < end; ++o) {
    const float* const slab = x + o * s.n * s.inner;
    int64_t* const at = best + o * s.inner;
    for (int64_t j = 0; j < s.inner; ++j) at[j] = 0;
    if (s.inner == 1) {
      float value = slab[0];
      for (int64_t i = 1; i < s.n; ++i)
        if (beyond<largest, last>(slab[i], value)) value = slab[i], at[0] = i;
      continue;
    }
    for (int64_t i = 1; i < s.n; ++i)
      for (int64_t j = 0; j < s.inner; ++j)
        if (beyond<largest, last>(slab[i * s.inner + j], slab[at[j] * s.inner + j])) at[j] = i;
  }
}

class ArgReduceLaunch final : public Launch {
 public:
  ArgReduceLaunch(Slabs slabs, Search search, int threads)
      : slabs_(slabs),
        search_(search),
        workers_(worker_count(slabs.outer * slabs.n * slabs.inner, kElementGrain, threads)) {}
  Status run(Stream&, const void* const* inputs, void* const* outputs, void*) override {
    share_items(slabs_.outer, workers_, [&](int, int64_t begin, int64_t end) {
      search_(slabs_, static_cast<const float*>(inputs[0]), static_cast<int64_t*>(outputs[0]), begin, end);
    });
    return {};
  }

 private:
  Slabs slabs_;
  Search search_;
  int workers_;
};

class ArgReduceKernel final : public Kernel {
 public:
  explicit ArgReduceKernel(ArgReduceParams params) : params_(params) {}
  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    if (shapes.inputs.size() != 1 || shapes.outputs.size() != 1)
      return bad("arg_reduce takes 1 input and makes 1 output");
    const ArgShape &x = shapes.inputs[0], &y = shapes.outputs[0];
    if (x.dtype != DType::f32 || y.dtype != DType::i64 || !is_contiguous(x) || !is_contiguous(y))
      return bad("arg_reduce from " + std::string(to_string(x.dtype)) + " to " +
                 std::string(to_string(y.dtype)) + ", expected contiguous f32 and i64");
    if (params_.axis < 0 || params_.axis >= int64_t(x.dims.size()))
      return bad("axis " + std::to_string(params_.axis) + " of " + to_string(x.dims));
    Slabs slabs;
    for (size_t d = 0; d < x.dims.size(); ++d)
      (int64_t(d) < params_.axis   ? slabs.outer
       : int64_t(d) > params_.axis ? slabs.inner
                                   : slabs.n) *= x.dims[d];
    if (slabs.n == 0)
      return bad("axis " + std::to_string(params_.axis) + " of " + to_string(x.dims) + " has no elements");
    if (count_of(y.dims) != slabs.outer * slabs.inner)
      return bad("an output of shape " + to_string(y.dims) + " for positions in " + to_string(x.dims));
    const bool largest = params_.op == ops::ArgReduceOp::max, last = params_.select_last;
    const Search chosen = largest ? (last ? search<true, true> : search<true, false>)
                                  : (last ? search<false, true> : search<false, false>);
    return std::unique_ptr<Launch>(std::make_unique<ArgReduceLaunch>(slabs, chosen, shapes.threads));
  }

 private:
  ArgReduceParams params_;
};

}  // namespace

Result<std::shared_ptr<const Kernel>> make_arg_reduce(std::string_view params, Isa) {
  RK_TRY(ArgReduceParams p, from_bytes<ArgReduceParams>(params));
  return std::shared_ptr<const Kernel>(std::make_shared<ArgReduceKernel>(p));
}

}  // namespace rekindle::cpu
