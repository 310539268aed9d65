// Walking several strided operands over one index space: loops that advance together are merged first.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <span>
#include <vector>

#include "device/device.h"

namespace rekindle::cpu {

/// Strides of an argument in elements, contiguous ones made explicit.
Dims strides_of(const ArgShape& arg);
bool is_contiguous(const ArgShape& arg);
/// Whether it is f32[n] without gaps: a bias.
bool is_vector(const ArgShape& arg, int64_t n);
/// Strides of an operand broadcast to `dims` (aligned at the last dim): 0 along dims in which it has one
/// element.
Result<Dims> broadcast_strides(const ArgShape& arg, const Dims& dims);

/// Loops over `dims`, outermost first, and for each operand its step along each.
struct LoopNest {
  static constexpr size_t kMostLoops = 16;
  Dims dims;
  std::vector<Dims> strides;  // one a operand

  /// Drops loops of one step and merges neighbours that every operand crosses evenly; `sorted` first puts the
  /// loops in the order of the first operand's strides, largest first. Error past kMostLoops.
  static Result<LoopNest> make(const Dims& dims, const std::vector<Dims>& strides, bool sorted = true);
  /// Loops over the rows of an output: all its dims but the last. There is at least one, of one step if need
  /// be.
  static Result<LoopNest> of_rows(const Dims& output, const std::vector<Dims>& strides);
  /// Adds an innermost loop of one step.
  void add_single();
  size_t depth() const { return dims.size(); }
  /// Iterations of the outer `count` loops.
  int64_t iterations(size_t count) const;
};

/// A position in the outer loops of a nest; keeps each operand's offset in elements.
class LoopPosition {
 public:
  LoopPosition(const LoopNest& nest, size_t loops, int64_t start);
  void next() {
    for (size_t d = loops_; d-- > 0;) {
      const bool more = ++index_[d] < nest_->dims[d];
      for (size_t k = 0; k < operands_; ++k) offsets_[k] += nest_->strides[k][d];
      if (more) return;
      for (size_t k = 0; k < operands_; ++k) offsets_[k] -= nest_->strides[k][d] * nest_->dims[d];
      index_[d] = 0;
    }
  }
  int64_t offset(size_t operand) const { return offsets_[operand]; }

 private:
  static constexpr size_t kMostOperands = 40;
  const LoopNest* nest_;
  size_t loops_, operands_;
  std::array<int64_t, LoopNest::kMostLoops> index_{};
  std::array<int64_t, kMostOperands> offsets_{};
};

}  // namespace rekindle::cpu
