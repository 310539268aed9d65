// Copies where each output index takes an input index of its own along every axis: padding, tiling, nearest
// neighbours.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "backends/cpu/loop_nest.h"

namespace rekindle::cpu {

/// For each output position along an axis the input position, or -1 for the fill value. Empty: the axis is
/// left alone.
using AxisMap = std::vector<int64_t>;

/// Any strides. Made for one set of sizes; run() neither allocates nor locks.
class MappedCopy {
 public:
  static Result<MappedCopy> make(const ArgShape& in, const ArgShape& out, const std::vector<AxisMap>& maps,
                                 int threads);
  /// `fill` is one element; null for zeros.
  void run(const void* from, void* to, const void* fill) const;

 private:
  /// An axis outside the rows: where each of its positions comes from, in elements, and its step in the
  /// output.
  struct OuterAxis {
    AxisMap from;
    int64_t step = 0;
  };
  /// A stretch of the rows' axis: neighbours from neighbours.
  struct Stretch {
    int64_t to, from, n;  // positions; from is -1 where it is filled
  };
  void add_row_axis(AxisMap map);
  void copy_row(const char* from, char* to, const char* fill) const;
  void copy_stretch(const Stretch& s, const char* from, char* to) const;

  std::vector<OuterAxis> outer_;
  std::vector<Stretch> stretches_;
  AxisMap gathered_;  // instead, when stretches are short and runs are single elements
  int64_t rows_ = 0, positions_ = 1, run_ = 1, bytes_ = 1;
  int64_t from_step_ = 1, to_step_ = 1;  // elements from one position of a row to the next
  int workers_ = 1;
};

}  // namespace rekindle::cpu
