// Depthwise convolution with 3 x 3 and 5 x 5 windows, channels last: two output rows by a few pixels at a
// time.
// SPDX-License-Identifier: Apache-2.0
//
// A vector of input is loaded once and used by every window of the block that covers it, above and beside:
//
//     input rows     0: ky 0 of the upper row          loads of 3 x 3, stride 1, 6 pixels: 4 x 8 input, 18
//     weight
//                    1: ky 1 of it, ky 0 of the lower  multiply-adds:                      2 x 6 x 9 = 108
//                    2: ky 2 of it, ky 1 of the lower
//                    3:             ky 2 of the lower
//
// Blocks inside the image read pixels at even steps from one address a row. At borders every input pixel has
// an address of its own, and outside the image that is the address of zeros.
#include "backends/cpu/isa/kernels.h"
#include "backends/cpu/isa/tile_end.h"
#include "backends/cpu/isa/vec.h"

namespace rekindle::cpu::RK_ISA {

namespace {

#if defined(__clang__)
#define RK_UNROLL _Pragma("clang loop unroll(full)")
#else
#define RK_UNROLL _Pragma("GCC unroll 16")
#endif

/// sum += x * w, in this place and in this register. Left to itself, g++ 12 gathers all loads of a block
/// first, sums up one output after the other, and has half of the values in memory.
inline __attribute__((always_inline)) void accumulate(Vec& sum, Vec x, Vec w) {
#if defined(__FMA__)
  auto s = sum.v;  // an array that assembly names would be kept in memory
  __asm__ volatile("vfmadd231ps %2, %1, %0" : "+v"(s) : "v"(x.v), "v"(w.v));
  sum.v = s;
#else
  sum = fma(x, w, sum);
#endif
}

template <int kernel, int stride, int pixels, bool inside> struct Block {
  static constexpr int columns = (pixels - 1) * stride + kernel, rows = kernel + stride;
  using Sums = Vec[2][pixels];
  /// What every vector of channels needs; not read from the job again, which stores might change.
  struct Reads {
    const float* const* in;
    const float* weights;
    int64_t in_step, channels;
  };

  /// What input row `r` adds to both output rows, channels c ….
  template <int r, bool whole>
  static inline __attribute__((always_inline)) void add_row(const Reads& job, int64_t c, int n, Sums& sum) {
    constexpr int upper = r, lower = r - stride;  // ky
    constexpr bool has_upper = upper < kernel, has_lower = lower >= 0;
    const auto get = [n](const float* p) { return whole ? Vec::load(p) : Vec::load_part(p, n); };
    Vec up[kernel], low[kernel];
    RK_UNROLL for (int kx = 0; kx < kernel; ++kx) {
      if constexpr (has_upper) up[kx] = get(job.weights + (upper * kernel + kx) * job.channels + c);
      if constexpr (has_lower) low[kx] = get(job.weights + (lower * kernel + kx) * job.channels + c);
    }
    const float* const* const in = job.in + r * (inside ? 1 : columns);
    const float* pixel = in[0] + c;
    RK_UNROLL for (int j = 0; j < columns; ++j) {
      const Vec x = get(inside ? pixel : in[j] + c);
      pixel += job.in_step;
      RK_UNROLL for (int i = 0; i < pixels; ++i) {
        const int kx = j - i * stride;
        if (kx < 0 || kx >= kernel) continue;
        if constexpr (has_upper) accumulate(sum[0][i], x, up[kx]);
        if constexpr (has_lower) accumulate(sum[1][i], x, low[kx]);
      }
    }
    if constexpr (r + 1 < rows) add_row<r + 1, whole>(job, c, n, sum);
  }

  template <class F> static inline __attribute__((always_inline)) void for_all(Sums& sum, F&& f) {
    RK_UNROLL for (int i = 0; i < pixels; ++i) sum[0][i] = f(sum[0][i]), sum[1][i] = f(sum[1][i]);
  }

  template <bool whole>
  static inline __attribute__((always_inline)) void run_vector(const DepthwiseBlock& job, const Reads& reads,
                                                               const EndVectors& end, int64_t c) {
    const int n = whole ? Vec::width : int(reads.channels - c);
    const auto get = [n](const float* p) { return whole ? Vec::load(p) : Vec::load_part(p, n); };
    Sums sum;
    const Vec start = job.bias ? get(job.bias + c) : Vec(0.0f);
    for_all(sum, [start](Vec) { return start; });
    add_row<0, whole>(reads, c, n, sum);
    if (job.addend[0]) {
      RK_UNROLL for (int i = 0; i < pixels; ++i) sum[0][i] =
          sum[0][i] + get(job.addend[0] + i * job.addend_step + c);
      if (job.rows > 1) {
        RK_UNROLL for (int i = 0; i < pixels; ++i) sum[1][i] =
            sum[1][i] + get(job.addend[1] + i * job.addend_step + c);
      }
    }
    if (job.end.clips) for_all(sum, [&end](Vec y) { return at_most(at_least(y, end.low), end.high); });
    if (job.end.hard_swish) for_all(sum, [](Vec y) { return hard_swish(y); });
    if (job.end.is_affine) for_all(sum, [&end](Vec y) { return fma(y, end.scale, end.shift); });
    const auto store = [n](Vec y, float* to) {
      if constexpr (whole)
        y.store(to);
      else
        y.store_part(to, n);
    };
    const int64_t step = job.out_step;
    float *upper = job.out[0] + c, *lower = job.out[1] + c;
    const bool both = job.rows > 1;
    RK_UNROLL for (int i = 0; i < pixels; ++i) store(sum[0][i], upper + i * step);
    if (!both) return;
    RK_UNROLL for (int i = 0; i < pixels; ++i) store(sum[1][i], lower + i * step);
  }

  static void run(const DepthwiseBlock& job) {
    const Reads reads{job.in, job.weights, job.in_step, job.channels};
    const EndVectors end(job.end);
    int64_t c = 0;
    for (; c + Vec::width <= reads.channels; c += Vec::width) run_vector<true>(job, reads, end, c);
    if (c < reads.channels) run_vector<false>(job, reads, end, c);
  }
};

template <int kernel, int stride, int pixels> void add_blocks(DepthwiseBlockKernels& k) {
  k.run[kernel == 5][stride - 1][pixels] = Block<kernel, stride, pixels, false>::run;
  if constexpr (pixels > 1) add_blocks<kernel, stride, pixels - 1>(k);
}

DepthwiseBlockKernels make() {
  DepthwiseBlockKernels k;
#if defined(__AVX512F__)  // 32 registers: 12 sums, up to 10 weights
  constexpr int kPixels = 6;
#else  // 16 registers
  constexpr int kPixels = 3;
#endif
  k.most_pixels = kPixels;
  add_blocks<3, 1, kPixels>(k);
  add_blocks<3, 2, kPixels>(k);
  add_blocks<5, 1, kPixels>(k);
  add_blocks<5, 2, kPixels>(k);
  k.inside[0][0] = Block<3, 1, kPixels, true>::run;
  k.inside[0][1] = Block<3, 2, kPixels, true>::run;
  k.inside[1][0] = Block<5, 1, kPixels, true>::run;
  k.inside[1][1] = Block<5, 2, kPixels, true>::run;
  return k;
}

}  // namespace

const DepthwiseBlockKernels& depthwise_block_kernels() {
  static const DepthwiseBlockKernels kernels = make();
  return kernels;
}

}  // namespace rekindle::cpu::RK_ISA
