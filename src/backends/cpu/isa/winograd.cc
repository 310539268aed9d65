// Winograd transforms for 3 x 3 windows, a vector of channels at a time.
// SPDX-License-Identifier: Apache-2.0
//
// The matrices are those of Lavin and Gray (2015) for the points 0, 1, -1 (tiles of 2 x 2) and 0, 1, -1, 2,
// -2 (4 x 4).
#include "backends/cpu/isa/kernels.h"
#include "backends/cpu/isa/vec.h"

namespace rekindle::cpu::RK_ISA {

namespace {

#if defined(__clang__)
#define RK_UNROLL _Pragma("clang loop unroll(full)")
#else
#define RK_UNROLL _Pragma("GCC unroll 16")
#endif

/// B^T d: one column or row of m + 2 inputs.
template <int m> inline __attribute__((always_inline)) void transform_input(const Vec* d, Vec* t) {
  if constexpr (m == 2) {
    t[0] = d[0] - d[2];
    t[1] = d[1] + d[2];
    t[2] = d[2] - d[1];
    t[3] = d[1] - d[3];
  } else {
    const Vec two(2.0f), four(4.0f), five(5.0f);
    const Vec even = fma(-four, d[2], d[4]), odd = fma(-four, d[1], d[3]);
    const Vec near = d[4] - d[2], far = two * (d[3] - d[1]);
    t[0] = fma(four, d[0], fma(-five, d[2], d[4]));
    t[1] = even + odd;
    t[2] = even - odd;
    t[3] = near + far;
    t[4] = near - far;
    t[5] = fma(four, d[1], fma(-five, d[3], d[5]));
  }
}
/// A^T t: m outputs of one column or row.
template <int m> inline __attribute__((always_inline)) void transform_output(const Vec* t, Vec* y) {
  if constexpr (m == 2) {
    y[0] = t[0] + t[1] + t[2];
    y[1] = t[1] - t[2] - t[3];
  } else {
    const Vec a = t[1] + t[2], b = t[1] - t[2], c = t[3] + t[4], d = t[3] - t[4];
    y[0] = t[0] + a + c;
    y[1] = fma(Vec(2.0f), d, b);
    y[2] = fma(Vec(4.0f), c, a);
    y[3] = fma(Vec(8.0f), d, b) + t[5];
  }
}

template <int m>
void input(const float* const* rows, int64_t pixel_step, int64_t first_x, int64_t last_x, int64_t channels,
           float* to, int64_t step) {
  constexpr int n = m + 2;
  for (int64_t c = 0; c < channels; c += Vec::width) {
    const int64_t lanes = channels - c < Vec::width ? channels - c : Vec::width;
    Vec half[n][n];  // rows transformed along x
    for (int i = 0; i < n; ++i) {
      Vec d[n];
      RK_UNROLL for (int j = 0; j < n; ++j) d[j] =
          rows[i] && j >= first_x && j < last_x ? load(rows[i] + j * pixel_step + c, lanes) : Vec(0.0f);
      transform_input<m>(d, half[i]);
    }
    for (int j = 0; j < n; ++j) {
      Vec d[n], t[n];
      RK_UNROLL for (int i = 0; i < n; ++i) d[i] = half[i][j];
      transform_input<m>(d, t);
      RK_UNROLL for (int i = 0; i < n; ++i) store(t[i], to + (i * n + j) * step + c, lanes);
    }
  }
}

template <int m>
void output(const float* from, int64_t step, const float* bias, int64_t channels, float* out,
            int64_t out_step) {
  constexpr int n = m + 2;
  for (int64_t c = 0; c < channels; c += Vec::width) {
    const int64_t lanes = channels - c < Vec::width ? channels - c : Vec::width;
    const Vec shift = bias ? load(bias + c, lanes) : Vec(0.0f);
    Vec half[m][n];  // columns transformed along y
    for (int j = 0; j < n; ++j) {
      Vec t[n], y[m];
      RK_UNROLL for (int i = 0; i < n; ++i) t[i] = load(from + (i * n + j) * step + c, lanes);
      transform_output<m>(t, y);
      RK_UNROLL for (int i = 0; i < m; ++i) half[i][j] = y[i];
    }
    for (int i = 0; i < m; ++i) {
      Vec y[m];
      transform_output<m>(half[i], y);
      RK_UNROLL for (int j = 0; j < m; ++j) store(y[j] + shift, out + (i * m + j) * out_step + c, lanes);
    }
  }
}

void input_of(int m, const float* const* rows, int64_t pixel_step, int64_t first_x, int64_t last_x,
              int64_t channels, float* to, int64_t step) {
  if (m == 2)
    input<2>(rows, pixel_step, first_x, last_x, channels, to, step);
  else
    input<4>(rows, pixel_step, first_x, last_x, channels, to, step);
}
void output_of(int m, const float* from, int64_t step, const float* bias, int64_t channels, float* out,
               int64_t out_step) {
  if (m == 2)
    output<2>(from, step, bias, channels, out, out_step);
  else
    output<4>(from, step, bias, channels, out, out_step);
}

}  // namespace

const WinogradKernels& winograd_kernels() {
  static const WinogradKernels kernels{input_of, output_of};
  return kernels;
}

}  // namespace rekindle::cpu::RK_ISA
