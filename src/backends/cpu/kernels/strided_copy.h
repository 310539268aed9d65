// Copying elements from one strided view to another, any element size: slices, expansions and transposes are
// such copies. SPDX-License-Identifier: Apache-2.0
#pragma once
#include "backends/cpu/loop_nest.h"

namespace rekindle::cpu {

/// Made for one set of sizes; run() neither allocates nor locks.
class StridedCopy {
 public:
  /// Copies `dims` elements of 1, 2, 4, 8 or 16 bytes; strides are in elements, those of `to` not negative.
  static Result<StridedCopy> make(const Dims& dims, const Dims& from, const Dims& to, int64_t element_bytes,
                                  int threads);
  void run(const void* from, void* to) const;

 private:
  /// The two innermost loops: rows of n elements. Steps are in elements.
  struct Rows {
    int64_t n = 1, from_step = 1, to_step = 1;   // along a row
    int64_t from_row_step = 0, to_row_step = 0;  // from row to row
  };
  using CopyRows = void (*)(const Rows&, const char* from, char* to, int64_t count);
  template <class T> friend struct RowCopies;

  LoopNest nest_;  // operands: to, from
  Rows rows_;
  CopyRows copy_ = nullptr;
  int64_t bytes_ = 1, row_count_ = 1, total_ = 0;
  int workers_ = 1;
  bool one_row_ = false;  // a single row: shared by elements
};

}  // namespace rekindle::cpu
