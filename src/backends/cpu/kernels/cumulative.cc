// cpu.cumulative: lines side by side, each with its own running total; floats are summed in double.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/cumulative.h"

#include <algorithm>
#include <type_traits>

#include "backends/cpu/host_kernels.h"
#include "backends/cpu/loop_nest.h"
#include "backends/cpu/workers.h"

namespace rekindle::cpu {

Result<std::shared_ptr<const Kernel>> make_cumulative(std::string_view params, Isa isa);

namespace {

constexpr int64_t kColumns = 256;         // lines side by side: their totals stay in L1
constexpr int64_t kElementGrain = 32768;  // the least elements worth a thread

Status bad(const std::string& what) { return Status::error(Code::invalid_argument, "cumulative: " + what); }

struct CumulativePlan {
  CumulativeParams params;
  DType dtype = DType::f32;
  int64_t outer = 1, n = 1, inner = 1;
  int workers = 1;
  int64_t blocks() const { return (inner + kColumns - 1) / kColumns; }
};

struct Plus {
  template <class T> static T join(T a, T b) { return a + b; }
  static constexpr int none = 0;
};
struct Times {
  template <class T> static T join(T a, T b) { return a * b; }
  static constexpr int none = 1;
};

class CumulativeLaunch final : public Launch {
 public:
  explicit CumulativeLaunch(const CumulativePlan& plan) : p_(plan) {}

  Status run(Stream&, const void* const* inputs, void* const* outputs, void*) override {
    switch (p_.dtype) {
      case DType::f32:
        return run_in<float, double>(inputs[0], outputs[0]);
      case DType::i32:
        return run_in<uint32_t, uint32_t>(inputs[0], outputs[0]);  // unsigned: overflow wraps
      default:
        return run_in<uint64_t, uint64_t>(inputs[0], outputs[0]);
    }
  }

 private:
  template <class T, class Sum> Status run_in(const void* x, void* y) const {
    share_items(p_.outer * p_.blocks(), p_.workers, [&](int, int64_t begin, int64_t end) {
      for (int64_t item = begin; item < end; ++item) {
        const int64_t block = item % p_.blocks(), first = block * kColumns;
        const int64_t start = item / p_.blocks() * p_.n * p_.inner + first;
        const int64_t width = std::min(kColumns, p_.inner - first);
        const T* const from = static_cast<const T*>(x) + start;
        T* const to = static_cast<T*>(y) + start;
        if (p_.params.op == ops::CumulativeOp::sum)
          run_block<T, Sum, Plus>(from, to, width);
        else
          run_block<T, Sum, Times>(from, to, width);
      }
    });
    return {};
  }

  /// Along the last axis the total stays in a register.
  template <class T, class Sum, class Op> void run_line(const T* x, T* y) const {
    Sum total = Sum(Op::none);
    for (int64_t i = 0; i < p_.n; ++i) {
      const int64_t at = p_.params.reverse ? p_.n - 1 - i : i;
      const Sum after = Op::join(total, Sum(x[at]));
      y[at] = T(p_.params.exclusive ? total : after);
      total = after;
    }
  }
  template <class T, class Sum, class Op> void run_block(const T* x, T* y, int64_t width) const {
    if (p_.inner == 1) return run_line<T, Sum, Op>(x, y);
    Sum totals[kColumns];
    std::fill_n(totals, width, Sum(Op::none));
    for (int64_t i = 0; i < p_.n; ++i) {
      const int64_t at = (p_.params.reverse ? p_.n - 1 - i : i) * p_.inner;
      if (p_.params.exclusive) {
        for (int64_t j = 0; j < width; ++j) {
          const Sum before = totals[j];
          totals[j] = Op::join(before, Sum(x[at + j]));
          y[at + j] = T(before);
        }
      } else {
        for (int64_t j = 0; j < width; ++j) {
          totals[j] = Op::join(totals[j], Sum(x[at + j]));
          y[at + j] = T(totals[j]);
        }
      }
    }
  }

  CumulativePlan p_;
};

class CumulativeKernel final : public Kernel {
 public:
  explicit CumulativeKernel(CumulativeParams params) : params_(params) {}

  Result<std::unique_ptr<Launch>> prepare(const LaunchShapes& shapes) const override {
    if (shapes.inputs.size() != 1 || shapes.outputs.size() != 1) return bad("expected 1 input and 1 output");
    const ArgShape &x = shapes.inputs[0], &y = shapes.outputs[0];
    const bool is_number = x.dtype == DType::f32 || x.dtype == DType::i32 || x.dtype == DType::i64;
    if (!is_number || y.dtype != x.dtype || x.dims != y.dims || !is_contiguous(x) || !is_contiguous(y) ||
        params_.axis >= int64_t(x.dims.size()))
      return bad(std::string(to_string(x.dtype)) + to_string(x.dims) + " along axis " +
                 std::to_string(params_.axis) + " to " + std::string(to_string(y.dtype)) + to_string(y.dims));
    CumulativePlan plan{params_, x.dtype};
    plan.outer = count_of(Dims(x.dims.begin(), x.dims.begin() + params_.axis));
    plan.inner = count_of(Dims(x.dims.begin() + params_.axis + 1, x.dims.end()));
    plan.n = x.dims[size_t(params_.axis)];
    plan.workers = worker_count(count_of(x.dims), kElementGrain, shapes.threads);
    return std::unique_ptr<Launch>(std::make_unique<CumulativeLaunch>(plan));
  }

 private:
  CumulativeParams params_;
};

}  // namespace

Result<std::shared_ptr<const Kernel>> make_cumulative(std::string_view params, Isa) {
  RK_TRY(CumulativeParams p, from_bytes<CumulativeParams>(params));
  if (p.axis < 0) return bad("a negative axis");
  return std::shared_ptr<const Kernel>(std::make_shared<CumulativeKernel>(p));
}

}  // namespace rekindle::cpu
