// Max and average pools over an NHWC tensor: a thread makes 4 channels of one output.
// SPDX-License-Identifier: Apache-2.0

template <class T, class Epilogue>
__device__ __forceinline__ void rk_pool(const T* __restrict__ x, int batch, const Epilogue& epilogue) {
  constexpr int groups = (RK_IN_CHANNELS + 3) / 4;
  constexpr bool vectors = RK_IN_CHANNELS % 4 == 0;
  int t = blockIdx.x * blockDim.x + threadIdx.x;
  const int c = t % groups * 4;
  t /= groups;
  const int q = t % RK_OUT_W;
  t /= RK_OUT_W;
  const int p = t % RK_OUT_H, n = t / RK_OUT_H;
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
      if (RK_COUNT_PADDING) count += h < RK_IN_H + RK_PAD_END_H && w < RK_IN_W + RK_PAD_END_W;
      if (unsigned(h) >= unsigned(RK_IN_H) || unsigned(w) >= unsigned(RK_IN_W)) continue;
      if (!RK_COUNT_PADDING) ++count;
      const T* at = x + ((i64)(n * RK_IN_H + h) * RK_IN_W + w) * RK_IN_CHANNELS + c;
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
  epilogue.store((n * RK_OUT_H + p) * RK_OUT_W + q, c, result);
}
