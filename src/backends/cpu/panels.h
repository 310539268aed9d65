// The right-hand matrix of a product as tiles read it: panels of a few vectors of columns, stored k by k.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

#include "backends/cpu/isa/kernels.h"
#include "tensor/target.h"

namespace rekindle::cpu {

/// columns = 80 on AVX-512 (5 vectors of 16, tiles of at most 4): panels of 3 and 2 vectors. As even as can
/// be, since wide tiles are fast and a lone vector is slow.
struct Panels {
  int64_t columns = 0, vectors = 0, count = 0;
  int width = 16;  // floats in a vector

  static Panels of(int64_t columns, Isa isa);
  int vectors_of(int64_t panel) const { return int(vectors / count + (panel < vectors % count ? 1 : 0)); }
  int64_t floats_of(int64_t panel) const { return int64_t(vectors_of(panel)) * width; }
  int64_t first_column(int64_t panel) const {
    const int64_t extra = vectors % count;
    return (panel * (vectors / count) + (panel < extra ? panel : extra)) * width;
  }
  /// Columns that exist; less than floats_of() at the right edge.
  int64_t columns_of(int64_t panel) const {
    const int64_t left = columns - first_column(panel), whole = floats_of(panel);
    return left < whole ? left : whole;
  }
  /// Floats of k packed rows: panel p begins at k * first_column(p) and has rows of floats_of(p).
  int64_t packed_floats(int64_t k) const { return k * vectors * width; }
};

/// Writes `rows` rows of one panel: to[r * floats + j] = from[r * row_step + j * column_step] for j <
/// columns, 0 beyond.
void pack_panel(const float* from, int64_t row_step, int64_t column_step, int64_t rows, int64_t columns,
                int64_t floats, float* to);
/// to[c * to_step + r] = from[r * from_step + c]: a matrix turned, four by four.
void transpose_floats(const float* from, int64_t from_step, int64_t rows, int64_t columns, float* to,
                      int64_t to_step);

}  // namespace rekindle::cpu
