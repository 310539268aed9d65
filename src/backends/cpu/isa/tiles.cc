// Register tiles of matrix products: the inner loop of GEMM, convolution, attention and recurrent nets.
// SPDX-License-Identifier: Apache-2.0
//
// For each k one row of B is loaded, as `vectors` registers, and each of `height` elements of A is broadcast
// against it:
//
//            b0    b1    b2    b3        loads:  height + vectors
//     a0   c00   c01   c02   c03         FMAs:   height * vectors
//     …
//     a5   c50   c51   c52   c53         6 x 64 on AVX-512: 24 accumulators, 4 of B, 1 broadcast
//
// A is read where it lies through one pointer a row, so a convolution's rows can be anywhere, or a row of
// zeros.
#include "backends/cpu/isa/kernels.h"
#include "backends/cpu/isa/tile_end.h"
#include "backends/cpu/isa/vec.h"

namespace rekindle::cpu::RK_ISA {

namespace {

// Arrays of registers stay registers only when every loop over them is unrolled completely.
#if defined(__clang__)
#define RK_UNROLL _Pragma("clang loop unroll(full)")
#else
#define RK_UNROLL _Pragma("GCC unroll 16")
#endif

template <int height, int vectors> struct Accumulators { Vec v[height][vectors]; };

template <int height, int vectors>
inline __attribute__((always_inline)) void start_whole(const TileJob& job, Accumulators<height, vectors>& c) {
  RK_UNROLL for (int i = 0; i < height; ++i) RK_UNROLL for (int j = 0; j < vectors; ++j) c.v[i][j] =
      job.start ? Vec::load(job.start + i * job.start_step + j * Vec::width) : Vec(0.0f);
}
template <int height, int vectors>
inline __attribute__((always_inline)) void finish_whole(const TileJob& job,
                                                        Accumulators<height, vectors>& c) {
  if (job.addend) {
    RK_UNROLL for (int i = 0; i < height; ++i) RK_UNROLL for (int j = 0; j < vectors; ++j) c.v[i][j] =
        c.v[i][j] + Vec::load(job.addend + i * job.addend_step + j * Vec::width);
  }
  const EndVectors end(job.end);
  if (job.end.clips) {
    RK_UNROLL for (int i = 0; i < height; ++i) RK_UNROLL for (int j = 0; j < vectors; ++j) c.v[i][j] =
        at_most(at_least(c.v[i][j], end.low), end.high);
  }
  if (job.end.hard_swish) {
    RK_UNROLL for (int i = 0; i < height; ++i) RK_UNROLL for (int j = 0; j < vectors; ++j) c.v[i][j] =
        hard_swish(c.v[i][j]);
  }
  if (job.end.is_affine) {
    RK_UNROLL for (int i = 0; i < height; ++i) RK_UNROLL for (int j = 0; j < vectors; ++j) c.v[i][j] =
        fma(c.v[i][j], end.scale, end.shift);
  }
  RK_UNROLL for (int i = 0; i < height; ++i) RK_UNROLL for (int j = 0; j < vectors; ++j) c.v[i][j].store(
      job.c + i * job.c_step + j * Vec::width);
}

/// Lanes of vector j that exist, for a tile at the right edge.
inline int lanes(const TileJob& job, int j) {
  const int64_t left = job.columns - j * Vec::width;
  return left < 0 ? 0 : left > Vec::width ? Vec::width : int(left);
}
template <int height, int vectors>
inline __attribute__((always_inline)) void start_part(const TileJob& job, Accumulators<height, vectors>& c) {
  RK_UNROLL for (int i = 0; i < height; ++i) RK_UNROLL for (int j = 0; j < vectors; ++j) c.v[i][j] =
      job.start ? Vec::load_part(job.start + i * job.start_step + j * Vec::width, lanes(job, j)) : Vec(0.0f);
}
template <int height, int vectors>
inline __attribute__((always_inline)) void finish_part(const TileJob& job, Accumulators<height, vectors>& c) {
  const EndVectors end(job.end);
  RK_UNROLL for (int i = 0; i < height; ++i) {
    RK_UNROLL for (int j = 0; j < vectors; ++j) {
      const int n = lanes(job, j);
      Vec x = c.v[i][j];
      if (job.addend) x = x + Vec::load_part(job.addend + i * job.addend_step + j * Vec::width, n);
      x = end.apply(job.end, x);
      x.store_part(job.c + i * job.c_step + j * Vec::width, n);
    }
  }
}

template <int height, int vectors> void run_tile(const TileJob& job) {
  Accumulators<height, vectors> c;
  const bool whole = job.columns == vectors * Vec::width;
  if (whole)
    start_whole(job, c);
  else
    start_part(job, c);
  const float* b = job.b;
  const float* const* rows = job.rows;
  const int64_t k = job.k, b_step = job.b_step, a_offset = job.a_offset;
  for (int64_t taps = job.taps; taps > 0; --taps) {
    const float* a[height];
    RK_UNROLL for (int i = 0; i < height; ++i) a[i] = rows[i] + a_offset;
    rows += height;
    for (int64_t p = 0; p < k; ++p) {
      Vec row[vectors];
      RK_UNROLL for (int j = 0; j < vectors; ++j) row[j] = Vec::load(b + j * Vec::width);
      b += b_step;
      RK_UNROLL for (int i = 0; i < height; ++i) {
        const Vec x(a[i][p]);
        RK_UNROLL for (int j = 0; j < vectors; ++j) c.v[i][j] = fma(x, row[j], c.v[i][j]);
      }
    }
  }
  if (whole)
    finish_whole(job, c);
  else
    finish_part(job, c);
}

template <int vectors, int height> void add_tiles(TileKernels& k) {
  k.run[vectors][height] = run_tile<height, vectors>;
  if (k.height[vectors] < height) k.height[vectors] = height;
  if (k.most_vectors < vectors) k.most_vectors = vectors;
  if constexpr (height > 1) add_tiles<vectors, height - 1>(k);
}

TileKernels make() {
  TileKernels k;
  k.width = Vec::width;
#if defined(__AVX512F__)  // 32 registers
  add_tiles<1, 12>(k);
  add_tiles<2, 10>(k);
  add_tiles<3, 8>(k);
  add_tiles<4, 6>(k);
#elif defined(__AVX2__)  // 16 registers
  add_tiles<1, 8>(k);
  add_tiles<2, 6>(k);
  add_tiles<3, 4>(k);
#else                    // 16 registers, and products need one of their own
  add_tiles<1, 6>(k);
  add_tiles<2, 5>(k);
#endif
  return k;
}

}  // namespace

const TileKernels& tile_kernels() {
  static const TileKernels kernels = make();
  return kernels;
}

}  // namespace rekindle::cpu::RK_ISA
