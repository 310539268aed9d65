// Transposed convolution over an NHWC tensor: a thread makes 4 channels of one output, from the taps that
// reach it.
// SPDX-License-Identifier: Apache-2.0

/// w is [r, s, input channel, output channel], output channels filled up to fours.
template <class Epilogue>
__device__ __forceinline__ void rk_conv_transpose(const float* __restrict__ x, const float* __restrict__ w,
                                                  int batch, const Window& window, const Epilogue& epilogue) {
  constexpr int groups = (RK_FILTERS + 3) / 4;
  int t = blockIdx.x * blockDim.x + threadIdx.x;
  const int o = t % groups * 4;
  t /= groups;
  const int q = t % window.out_w;
  t /= window.out_w;
  const int p = t % window.out_h, n = t / window.out_h;
  if (n >= batch) return;
  float sums[4] = {0.f, 0.f, 0.f, 0.f};
  for (int r = 0; r < RK_KERNEL_H; ++r) {
    const int h = p + RK_PAD_H - r * RK_DILATION_H;
    if (h < 0 || h % RK_STRIDE_H != 0 || h / RK_STRIDE_H >= window.in_h) continue;
    for (int s = 0; s < RK_KERNEL_W; ++s) {
      const int v = q + RK_PAD_W - s * RK_DILATION_W;
      if (v < 0 || v % RK_STRIDE_W != 0 || v / RK_STRIDE_W >= window.in_w) continue;
      const float* from =
          x + ((i64)(n * window.in_h + h / RK_STRIDE_H) * window.in_w + v / RK_STRIDE_W) * RK_IN_CHANNELS;
      const float* taps = w + (r * RK_KERNEL_W + s) * RK_IN_CHANNELS * groups * 4 + o;
#pragma unroll 4
      for (int c = 0; c < RK_IN_CHANNELS; ++c) {
        const Vector<float, 4> tap = rk_load<float, 4>(taps + c * groups * 4);
#pragma unroll
        for (int i = 0; i < 4; ++i) sums[i] = fmaf(from[c], tap.at[i], sums[i]);
      }
    }
  }
  epilogue.store((n * window.out_h + p) * window.out_w + q, o, sums);
}
