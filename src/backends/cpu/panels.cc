// Packing panels. Plain SSE: packing is bound by memory.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/panels.h"

#include <xmmintrin.h>

#include <algorithm>
#include <cstring>

namespace rekindle::cpu {

Panels Panels::of(int64_t columns, Isa isa) {
  const TileKernels& tiles = tile_kernels(isa);
  Panels p;
  p.columns = columns;
  p.width = tiles.width;
  p.vectors = (columns + p.width - 1) / p.width;
  p.count = std::max<int64_t>(1, (p.vectors + tiles.most_vectors - 1) / tiles.most_vectors);
  return p;
}

void transpose_floats(const float* from, int64_t from_step, int64_t rows, int64_t columns, float* to,
                      int64_t to_step) {
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    const float* f = from + r * from_step;
    int64_t c = 0;
    for (; c + 4 <= columns; c += 4) {
      __m128 a = _mm_loadu_ps(f + c), b = _mm_loadu_ps(f + from_step + c);
      __m128 d = _mm_loadu_ps(f + 2 * from_step + c), e = _mm_loadu_ps(f + 3 * from_step + c);
      _MM_TRANSPOSE4_PS(a, b, d, e);
      float* t = to + c * to_step + r;
      _mm_storeu_ps(t, a);
      _mm_storeu_ps(t + to_step, b);
      _mm_storeu_ps(t + 2 * to_step, d);
      _mm_storeu_ps(t + 3 * to_step, e);
    }
    for (; c < columns; ++c)
      for (int64_t i = 0; i < 4; ++i) to[c * to_step + r + i] = f[i * from_step + c];
  }
  for (; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) to[c * to_step + r] = from[r * from_step + c];
}

void pack_panel(const float* from, int64_t row_step, int64_t column_step, int64_t rows, int64_t columns,
                int64_t floats, float* to) {
  if (columns < floats)
    for (int64_t r = 0; r < rows; ++r) std::fill(to + r * floats + columns, to + (r + 1) * floats, 0.0f);
  if (column_step == 1) {
    for (int64_t r = 0; r < rows; ++r)
      std::memcpy(to + r * floats, from + r * row_step, size_t(columns) * sizeof(float));
  } else if (row_step == 1) {
    transpose_floats(from, column_step, columns, rows, to, floats);
  } else {
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t j = 0; j < columns; ++j) to[r * floats + j] = from[r * row_step + j * column_step];
  }
}

}  // namespace rekindle::cpu
