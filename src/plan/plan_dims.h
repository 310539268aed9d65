// Every dim of a plan, compiled once: what validation samples and what the runtime evaluates on a shape
// change. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>
#include <vector>

#include "plan/plan.h"
#include "tensor/dim_program.h"

namespace rekindle {

/// The dims of `plan` as numbers into one DimProgram. Views may name any buffer; every other index is left
/// alone, so this can be made before a plan is known to be valid.
class PlanDims {
 public:
  PlanDims() = default;
  /// Each dim costs some hundred bytes, so there are at most kMostDims different ones: only a plan made to
  /// fill the memory has more, and only `error` is then of use.
  explicit PlanDims(const Plan& plan);
  static constexpr size_t kMostDims = size_t(1) << 18;

  DimProgram program;
  Status error;
  uint32_t buffer_bytes(uint32_t buffer) const { return buffers_[buffer]; }
  std::span<const uint32_t> view_dims(uint32_t view) const { return part(views_[view].dims); }
  std::span<const uint32_t> view_strides(uint32_t view) const {
    return part(views_[view].strides);
  }  // empty: contiguous
  uint32_t view_offset(uint32_t view) const { return views_[view].offset; }
  std::span<const uint32_t> grid(uint32_t step) const { return part(steps_[step].grid); }
  std::span<const uint32_t> scalars(uint32_t step) const { return part(steps_[step].scalars); }

 private:
  struct Part {
    uint32_t begin = 0, count = 0;
  };
  struct ViewNumbers {
    Part dims, strides;
    uint32_t offset = 0;
  };
  struct StepNumbers {
    Part grid, scalars;
  };
  uint32_t add(const Dim& dim);
  Part add(const std::vector<Dim>& dims);
  std::span<const uint32_t> part(Part p) const { return std::span(numbers_).subspan(p.begin, p.count); }

  std::vector<uint32_t> numbers_, buffers_;
  std::vector<ViewNumbers> views_;
  std::vector<StepNumbers> steps_;
};

inline constexpr int kMostRank = 32;

/// How many elements and bytes a view touches, from its start, for given dim values.
struct ViewExtent {
  int64_t count = 0, bytes = 0;
  /// Null, or what is wrong. `dims` and `strides` (empty: contiguous) are numbers into `values`.
  const char* measure(DType dtype, std::span<const uint32_t> dims, std::span<const uint32_t> strides,
                      std::span<const int64_t> values);
};

}  // namespace rekindle
