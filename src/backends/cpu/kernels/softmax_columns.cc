// Softmax over columns: maxima, exponentials with their sums, then the division; a block of columns stays in
// L2.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/softmax_columns.h"

#include <algorithm>
#include <limits>

#include "backends/cpu/isa/rows.h"
#include "backends/cpu/program.h"
#include "backends/cpu/workers.h"

namespace rekindle::cpu {

namespace {

constexpr int64_t kBlockFloats = 32768;   // 128 KiB: read three times
constexpr int64_t kMostColumns = 1024;    // of a block
constexpr int64_t kElementGrain = 16384;  // the least elements worth a thread

class SoftmaxColumnsLaunch final : public Launch {
 public:
  SoftmaxColumnsLaunch(const SoftmaxColumns& sizes, Isa isa, int threads)
      : s_(sizes), lines_(line_kernels(isa)) {
    const auto row_of = [&](const char* name) {
      return program_kernels(isa).formulas[(*bind_op(name, {})).index].plain;
    };
    subtract_ = row_of("sub"), multiply_ = row_of("mul"), exp_ = row_of("exp"), log_ = row_of("log"),
    reciprocal_ = row_of("reciprocal");
    width_ = std::clamp<int64_t>(kBlockFloats / std::max<int64_t>(1, s_.n) / 16 * 16, 16, kMostColumns);
    blocks_ = (s_.inner + width_ - 1) / width_;
    workers_ = worker_count(s_.outer * s_.n * s_.inner, kElementGrain, threads);
  }
  int64_t workspace_bytes() const override { return workers_ * worker_bytes(); }

  Status run(Stream&, const void* const* inputs, void* const* outputs, void* workspace) override {
    share_items(s_.outer * blocks_, workers_, [&](int worker, int64_t begin, int64_t end) {
      float* const scratch =
          reinterpret_cast<float*>(static_cast<char*>(workspace) + worker * worker_bytes());
      for (int64_t item = begin; item < end; ++item) {
        const int64_t block = item % blocks_, first = s_.inner * block / blocks_;
        const int64_t start = item / blocks_ * s_.n * s_.inner + first;
        run_block(static_cast<const float*>(inputs[0]) + start, static_cast<float*>(outputs[0]) + start,
                  s_.inner * (block + 1) / blocks_ - first, scratch);
      }
    });
    return {};
  }

 private:
  int64_t worker_bytes() const { return padded_bytes(3 * width_ * int64_t(sizeof(float))); }

  void apply(RowKernel kernel, const float* a, const float* b, float* to, int64_t n) const {
    const float* const in[] = {a, b};
    kernel(&nothing_, in, to, n);
  }
  /// y = x - shift, exponentials summed up; what is stored is one or the other.
  void run_block(const float* x, float* y, int64_t width, float* scratch) const {
    float *const shift = scratch, *const total = scratch + width_, *const line = total + width_;
    std::fill_n(shift, width, -std::numeric_limits<float>::infinity());
    std::fill_n(total, width, 0.0f);
    for (int64_t i = 0; i < s_.n; ++i) lines_.fold_into[int(Fold::max)](shift, x + i * s_.inner, width);
    for (int64_t i = 0; i < s_.n; ++i) {
      float* const to = y + i * s_.inner;
      apply(subtract_, x + i * s_.inner, shift, to, width);
      float* const exponentials = s_.logarithm ? line : to;
      apply(exp_, to, nullptr, exponentials, width);
      lines_.fold_into[int(Fold::sum)](total, exponentials, width);
    }
    apply(s_.logarithm ? log_ : reciprocal_, total, nullptr, total, width);
    for (int64_t i = 0; i < s_.n; ++i)
      apply(s_.logarithm ? subtract_ : multiply_, y + i * s_.inner, total, y + i * s_.inner, width);
  }

  SoftmaxColumns s_;
  const LineKernels& lines_;
  RowKernel subtract_, multiply_, exp_, log_, reciprocal_;
  int64_t width_ = 16, blocks_ = 1;
  int workers_ = 1;
  char nothing_ = 0;  // these formulas have no parameters
};

}  // namespace

std::unique_ptr<Launch> make_softmax_columns(const SoftmaxColumns& sizes, Isa isa, int threads) {
  return std::make_unique<SoftmaxColumnsLaunch>(sizes, isa, threads);
}

}  // namespace rekindle::cpu
