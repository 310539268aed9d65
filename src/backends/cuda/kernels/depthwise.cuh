// Depthwise convolution over an NHWC tensor: each channel is filtered by itself.
// SPDX-License-Identifier: Apache-2.0
//
// A thread makes RK_STRIP neighbouring outputs of 4 channels; it reads each input column of its strip once
// and uses it for every tap that falls on it. Neighbouring threads have neighbouring channels, so memory is
// read in full lines.

template <class T, class Epilogue>
__device__ __forceinline__ void rk_depthwise(const T* __restrict__ x, const float* __restrict__ w, int batch,
                                             const Window& window, const Epilogue& epilogue) {
  constexpr int groups = (RK_IN_CHANNELS + 3) / 4;
  constexpr int columns = (RK_STRIP - 1) * RK_STRIDE_W + (RK_KERNEL_W - 1) * RK_DILATION_W + 1;
  constexpr bool vectors = RK_IN_CHANNELS % 4 == 0;
  int t = blockIdx.x * blockDim.x + threadIdx.x;
  const int c = t % groups * 4;
  t /= groups;
  const int strips = (window.out_w + RK_STRIP - 1) / RK_STRIP, q = t % strips * RK_STRIP;
  t /= strips;
  const int p = t % window.out_h, n = t / window.out_h;
  if (n >= batch) return;
  const int h0 = p * RK_STRIDE_H - RK_PAD_H, w0 = q * RK_STRIDE_W - RK_PAD_W;
  float sums[RK_STRIP][4];
#pragma unroll
  for (int j = 0; j < RK_STRIP; ++j)
#pragma unroll
    for (int i = 0; i < 4; ++i) sums[j][i] = 0.f;
#pragma unroll
  for (int r = 0; r < RK_KERNEL_H; ++r) {
    const int h = h0 + r * RK_DILATION_H;
    if (unsigned(h) >= unsigned(window.in_h)) continue;
    Vector<float, 4> taps[RK_KERNEL_W];  // rows of the weights are padded to fours
#pragma unroll
    for (int s = 0; s < RK_KERNEL_W; ++s)
      taps[s] = rk_load<float, 4>(w + (r * RK_KERNEL_W + s) * groups * 4 + c);
    const T* line = x + (i64)(n * window.in_h + h) * window.in_w * RK_IN_CHANNELS + c;
#pragma unroll
    for (int column = 0; column < columns; ++column) {
      const int at = w0 + column;
      Vector<float, 4> v;
      if (unsigned(at) < unsigned(window.in_w)) {
        if (vectors) {
          const Vector<T, 4> loaded = rk_load<T, 4>(line + at * RK_IN_CHANNELS);
#pragma unroll
          for (int i = 0; i < 4; ++i) v.at[i] = float(loaded.at[i]);
        } else {
#pragma unroll
          for (int i = 0; i < 4; ++i)
            v.at[i] = c + i < RK_IN_CHANNELS ? float(line[at * RK_IN_CHANNELS + i]) : 0.f;
        }
      } else {
#pragma unroll
        for (int i = 0; i < 4; ++i) v.at[i] = 0.f;
      }
#pragma unroll
      for (int s = 0; s < RK_KERNEL_W; ++s) {
        const int from = column - s * RK_DILATION_W;
        if (from < 0 || from % RK_STRIDE_W != 0 || from / RK_STRIDE_W >= RK_STRIP) continue;
#pragma unroll
        for (int i = 0; i < 4; ++i)
          sums[from / RK_STRIDE_W][i] = fmaf(v.at[i], taps[s].at[i], sums[from / RK_STRIDE_W][i]);
      }
    }
  }
#pragma unroll
  for (int j = 0; j < RK_STRIP; ++j)
    if (q + j < window.out_w) epilogue.store((n * window.out_h + p) * window.out_w + q + j, c, sums[j]);
}
