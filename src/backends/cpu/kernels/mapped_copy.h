// Copies where each output index takes an input index of its own along every axis: padding, tiling, nearest
// neighbours.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "backends/cpu/loop_nest.h"

namespace rekindle::cpu {

/// For each output position along an axis the input position, or -1 for the fill value. Empty: the axis is
/// left alone.
using AxisMap = std::vector<int64_t>;

/// Contiguous input and output. Made for one set of sizes; run() neither allocates nor locks.
class MappedCopy {
 public:
  static Result<MappedCopy> make(const Dims& in, const Dims& out, const std::vector<AxisMap>& maps,
                                 int64_t element_bytes, int threads);
  /// `fill` is one element; null for zeros.
  void run(const void* from, void* to, const void* fill) const;

 private:
  /// A stretch of the innermost mapped axis: neighbours from neighbours.
  struct Stretch {
    int64_t to, from, n;  // from is -1 where it is filled
  };
  void copy_row(const char* from, char* to, const char* fill) const;

  std::vector<AxisMap> offsets_;  // of the outer axes, in elements
  std::vector<Stretch> stretches_;
  AxisMap gathered_;  // instead, when stretches are short and runs are single elements
  int64_t rows_ = 0, row_ = 0, run_ = 1, bytes_ = 1;
  int workers_ = 1;
};

}  // namespace rekindle::cpu
