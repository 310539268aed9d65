// cpu.top_k: elements become integers that order like them; candidates above a rising bound are collected.
// SPDX-License-Identifier: Apache-2.0
//
// A key has the value in its high half and the index, inverted, in its low one: a larger key comes first, and
// of equal values the one with the lower index. When 2 k candidates are there, the best k stay, and the least
// of them is the bound that later elements must pass.
#include "backends/cpu/kernels/top_k.h"

#include <algorithm>
#include <bit>
#include <functional>

#include "backends/cpu/host_kernels.h"
#include "backends/cpu/loop_nest.h"
#include "backends/cpu/workers.h"

namespace rekindle::cpu {

Result<std::shared_ptr<const Kernel>> make_top_k(std::string_view params, Isa isa);

namespace {

constexpr int64_t kElementGrain = 16384;  // the least elements worth a thread

Status bad(const std::string& what) { return Status::error(Code::invalid_argument, "top_k: " + what); }

struct TopKPlan {
  int64_t outer = 1, n = 1, inner = 1, k = 1;
  bool largest = true;
  int workers = 1;
};

/// Larger for larger floats; NaN is above all, and both zeros are the same.
uint32_t ordered(float x) {
  if (x != x) return UINT32_MAX;
  const uint32_t bits = std::bit_cast<uint32_t>(x + 0.0f);
  return bits >> 31 ? ~bits : bits | 0x80000000u;
}

class TopKLaunch final : public Launch {
 public:
  explicit TopKLaunch(const TopKPlan& plan) : p_(plan) {}
  int64_t workspace_bytes() const override { return p_.workers * worker_bytes(); }

  Status run(Stream&, const void* const* inputs, void* const* outputs, void* workspace) override {
    if (p_.k == 0) return {};
    share_items(p_.outer * p_.inner, p_.workers, [&](int worker, int64_t begin, int64_t end) {
      auto* const keys = reinterpret_cast<uint64_t*>(static_cast<char*>(workspace) + worker * worker_bytes());
      for (int64_t line = begin; line < end; ++line) {
        const int64_t o = line / p_.inner, i = line % p_.inner, to = o * p_.k * p_.inner + i;
        const float* const x = static_cast<const float*>(inputs[0]) + o * p_.n * p_.inner + i;
        choose(x, keys);
        for (int64_t r = 0; r < p_.k; ++r) {
          const int64_t index = int64_t(UINT32_MAX - uint32_t(keys[r]));
          static_cast<float*>(outputs[0])[to + r * p_.inner] = x[index * p_.inner];
          static_cast<int64_t*>(outputs[1])[to + r * p_.inner] = index;
        }
      }
    });
    return {};
  }

 private:
  int64_t worker_bytes() const { return padded_bytes(2 * p_.k * int64_t(sizeof(uint64_t))); }

  /// The best k keys of a line, best first.
  void choose(const float* x, uint64_t* keys) const {
    const uint32_t flip = p_.largest ? 0 : UINT32_MAX;
    const int64_t k = p_.k, room = 2 * k;
    int64_t count = 0;
    uint64_t bound = 0;
    for (int64_t i = 0; i < p_.n; ++i) {
      const uint64_t key = uint64_t(ordered(x[i * p_.inner]) ^ flip) << 32 | (UINT32_MAX - uint32_t(i));
      if (key <= bound) continue;
      keys[count++] = key;
      if (count < room) continue;
      std::nth_element(keys, keys + k - 1, keys + count, std::greater<>());
      count = k, bound = keys[k - 1];
    }
    if (count > k) std::nth_element(keys, keys + k - 1, keys + count, std::greater<>());
    std::sort(keys, keys + k, std::greater<>());
  }

  TopKPlan p_;
};

class TopKKernel final : public Kernel {
 public:
  explicit TopKKernel(TopKParams params) : params_(params) {}

  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    if (shapes.inputs.size() != 1 || shapes.outputs.size() != 2) return bad("expected 1 input and 2 outputs");
    const ArgShape &x = shapes.inputs[0], &values = shapes.outputs[0], &indices = shapes.outputs[1];
    if (x.dtype != DType::f32 || values.dtype != DType::f32 || indices.dtype != DType::i64)
      return bad("x and values must be f32, indices i64");
    const auto axis = size_t(params_.axis);
    Dims expected = x.dims;
    if (axis < x.dims.size() && values.dims.size() == x.dims.size()) expected[axis] = values.dims[axis];
    if (axis >= x.dims.size() || values.dims != expected || indices.dims != expected)
      return bad("values " + to_string(values.dims) + " along axis " + std::to_string(params_.axis) + " of " +
                 to_string(x.dims));
    for (const ArgShape* arg : {&x, &values, &indices})
      if (!is_contiguous(*arg)) return bad("a strided argument");
    TopKPlan plan;
    plan.outer = count_of(Dims(x.dims.begin(), x.dims.begin() + params_.axis));
    plan.inner = count_of(Dims(x.dims.begin() + params_.axis + 1, x.dims.end()));
    plan.n = x.dims[axis], plan.k = values.dims[axis], plan.largest = params_.largest;
    if (plan.k > plan.n || plan.n > INT32_MAX)
      return bad(std::to_string(plan.k) + " of " + std::to_string(plan.n) + " elements");
    plan.workers = worker_count(plan.outer * plan.n * plan.inner, kElementGrain, shapes.threads);
    return std::unique_ptr<Launch>(std::make_unique<TopKLaunch>(plan));
  }

 private:
  TopKParams params_;
};

}  // namespace

Result<std::shared_ptr<const Kernel>> make_top_k(std::string_view params, Isa) {
  RK_TRY(TopKParams p, from_bytes<TopKParams>(params));
  if (p.axis < 0) return bad("a negative axis");
  return std::shared_ptr<const Kernel>(std::make_shared<TopKKernel>(p));
}

}  // namespace rekindle::cpu
