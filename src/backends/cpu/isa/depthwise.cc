// Depthwise convolution, channels last: vectors of channels, a few neighbouring output pixels at a time.
// SPDX-License-Identifier: Apache-2.0
//
// One weight vector is loaded for each tap and used for all pixels of the group, whose sums stay in
// registers; pixels at the left and right border go one by one with their taps clipped.
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

/// Channels c … of a group of pixels, taps kx0 <= kx < kx1. `whole`: all lanes exist.
template <int pixels, bool whole>
inline __attribute__((always_inline)) void run_vector(const DepthwiseJob& job, int64_t x, int64_t kx0,
                                                      int64_t kx1, int64_t c) {
  const int n = whole ? Vec::width : int(job.channels - c);
  const auto get = [n](const float* p) { return whole ? Vec::load(p) : Vec::load_part(p, n); };
  Vec sum[pixels];
  const Vec start = job.bias ? get(job.bias + c) : Vec(0.0f);
  RK_UNROLL for (int i = 0; i < pixels; ++i) sum[i] = start;
  const float* row = job.in + (x * job.stride + kx0 * job.dilation - job.begin) * job.in_step + c;
  const float* w = job.weights + (job.first_ky * job.kernel_width + kx0) * job.channels + c;
  const int64_t tap_step = job.dilation * job.in_step, pixel_step = job.stride * job.in_step;
  for (int64_t ky = job.first_ky; ky < job.last_ky; ++ky) {
    const float* in = row;
    const float* weight = w;
    for (int64_t kx = kx0; kx < kx1; ++kx) {
      const Vec v = get(weight);
      RK_UNROLL for (int i = 0; i < pixels; ++i) sum[i] = fma(get(in + i * pixel_step), v, sum[i]);
      in += tap_step;
      weight += job.channels;
    }
    row += job.in_row_step;
    w += job.kernel_width * job.channels;
  }
  const EndVectors end(job.end);
  RK_UNROLL for (int i = 0; i < pixels; ++i) {
    const int64_t at = x - job.first_x + i;
    Vec y = sum[i];
    if (job.addend) y = y + get(job.addend + at * job.addend_step + c);
    y = end.apply(job.end, y);
    if constexpr (whole)
      y.store(job.out + at * job.out_step + c);
    else
      y.store_part(job.out + at * job.out_step + c, n);
  }
}

template <int pixels> void run_group(const DepthwiseJob& job, int64_t x, int64_t kx0, int64_t kx1) {
  int64_t c = 0;
  for (; c + Vec::width <= job.channels; c += Vec::width) run_vector<pixels, true>(job, x, kx0, kx1, c);
  if (c < job.channels) run_vector<pixels, false>(job, x, kx0, kx1, c);
}

/// A pixel at the border: only the taps that lie inside.
void run_border(const DepthwiseJob& job, int64_t x) {
  const int64_t start = x * job.stride - job.begin;
  int64_t first = start >= 0 ? 0 : (-start + job.dilation - 1) / job.dilation;
  int64_t last = start >= job.in_width ? 0 : (job.in_width - 1 - start) / job.dilation + 1;
  if (first > job.kernel_width) first = job.kernel_width;
  if (last > job.kernel_width) last = job.kernel_width;
  if (last < first) last = first;
  run_group<1>(job, x, first, last);
}

void run(const DepthwiseJob& job) {
#if defined(__AVX512F__)
  constexpr int kPixels = 8;
#else
  constexpr int kPixels = 4;
#endif
  const int64_t reach = (job.kernel_width - 1) * job.dilation;
  const auto inside = [&](int64_t x) {
    const int64_t start = x * job.stride - job.begin;
    return start >= 0 && start + reach < job.in_width;
  };
  int64_t x = job.first_x;
  while (x < job.last_x && !inside(x)) run_border(job, x++);
  const int64_t room = job.in_width - 1 - reach + job.begin;  // the last x * stride that fits
  int64_t end = room < 0 ? x : room / job.stride + 1;
  if (end > job.last_x) end = job.last_x;
  for (; x + kPixels <= end; x += kPixels) run_group<kPixels>(job, x, 0, job.kernel_width);
  if (x + 4 <= end && kPixels > 4) run_group<4>(job, x, 0, job.kernel_width), x += 4;
  if (x + 2 <= end) run_group<2>(job, x, 0, job.kernel_width), x += 2;
  if (x + 1 <= end) run_group<1>(job, x, 0, job.kernel_width), x += 1;
  while (x < job.last_x) run_border(job, x++);
}

}  // namespace

const DepthwiseKernels& depthwise_kernels() {
  static const DepthwiseKernels kernels{run};
  return kernels;
}

}  // namespace rekindle::cpu::RK_ISA
