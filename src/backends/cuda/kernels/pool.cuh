// Max and average pools over an NHWC tensor: a thread makes 4 channels of one output.
// SPDX-License-Identifier: Apache-2.0

template <class T, class Epilogue>
__device__ __forceinline__ void rk_pool(const T* __restrict__ x, int batch, const Window& window,
                                        const Epilogue& epilogue) {
  constexpr int groups = (RK_IN_CHANNELS + 3) / 4;
  constexpr bool vectors = RK_IN_CHANNELS % 4 == 0;
  int t = blockIdx.x * blockDim.x + threadIdx.x;
  const int c = t % groups * 4;
  t /= groups;
  const int q = t % window.out_w;
  t /= window.out_w;
  const int p = t % window.out_h, n = t / window.out_h;
  if (n >= batch) return;
  float result[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) result[i] = RK_POOL::empty();
  int count = 0;
  for (int r = 0; r < RK_KERNEL_H; ++r) {
    const int h = p * RK_STRIDE_H - RK_PAD_H + r * RK_DILATION_H;
    for (int s = 0; s < RK_KERNEL_W; ++s) {
      const int w = q * RK_STRIDE_W - RK_PAD_W + s * RK_DILATION_W;
      // What average pools divide by: taps on the picture, or on it and its padding.
      if (RK_COUNT_PADDING) count += h < window.in_h + RK_PAD_END_H && w < window.in_w + RK_PAD_END_W;
      if (unsigned(h) >= unsigned(window.in_h) || unsigned(w) >= unsigned(window.in_w)) continue;
      if (!RK_COUNT_PADDING) ++count;
      const T* at = x + ((i64)(n * window.in_h + h) * window.in_w + w) * RK_IN_CHANNELS + c;
      if (vectors) {
        const Vector<T, 4> v = rk_load<T, 4>(at);
#pragma unroll
        for (int i = 0; i < 4; ++i) result[i] = RK_POOL::join(result[i], float(v.at[i]));
      } else {
#pragma unroll
        for (int i = 0; i < 4; ++i)
          if (c + i < RK_IN_CHANNELS) result[i] = RK_POOL::join(result[i], float(at[i]));
      }
    }
  }
  if (RK_AVERAGE) {
#pragma unroll
    for (int i = 0; i < 4; ++i) result[i] = result[i] / float(count);
  }
  epilogue.store((n * window.out_h + p) * window.out_w + q, c, result);
}
