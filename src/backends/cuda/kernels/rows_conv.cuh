// The left matrix of a convolution seen as a product: the patches of an NHWC tensor, never written out.
// SPDX-License-Identifier: Apache-2.0
/// Rows are the output positions of a convolution over an NHWC tensor, columns run over (r, s, c).
struct RkConvRows {
  const float* x;
  int rows;
  static constexpr int depth = RK_KERNEL_H * RK_KERNEL_W * RK_CHANNELS;
  struct Row {
    const float* at;  // of the window's corner, which may lie outside
    int h, w;
    bool inside;
  };
  __device__ __forceinline__ Row row(int m) const {
    const bool inside = m < rows;
    if (!inside) m = 0;
    const int q = m % RK_OUT_W, t = m / RK_OUT_W, p = t % RK_OUT_H, n = t / RK_OUT_H;
    const int h = p * RK_STRIDE_H - RK_PAD_H, w = q * RK_STRIDE_W - RK_PAD_W;
    return {x + ((long long)(n * RK_IN_H + h) * RK_IN_W + w) * RK_IN_CHANNELS + RK_FIRST_CHANNEL, h, w,
            inside};
  }
  __device__ __forceinline__ bool valid(const Row& row, int r, int s) const {
    return row.inside && unsigned(row.h + r * RK_DILATION_H) < unsigned(RK_IN_H) &&
           unsigned(row.w + s * RK_DILATION_W) < unsigned(RK_IN_W);
  }
  __device__ __forceinline__ static int offset(int r, int s, int c) {
    return (r * RK_DILATION_H * RK_IN_W + s * RK_DILATION_W) * RK_IN_CHANNELS + c;
  }
  __device__ __forceinline__ void load(const Row& row, int k, float (&x)[4]) const {
    if (RK_A_VECTORS) {  // the channels come in fours: all four are of one position
      const int c = k % RK_CHANNELS, rs = k / RK_CHANNELS, s = rs % RK_KERNEL_W, r = rs / RK_KERNEL_W;
      if (r < RK_KERNEL_H && valid(row, r, s)) {
        const Vector<float, 4> v = rk_load<float, 4>(row.at + offset(r, s, c));
#pragma unroll
        for (int i = 0; i < 4; ++i) x[i] = v.at[i];
      } else {
#pragma unroll
        for (int i = 0; i < 4; ++i) x[i] = 0.f;
      }
      return;
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int e = k + i, c = e % RK_CHANNELS, rs = e / RK_CHANNELS, s = rs % RK_KERNEL_W,
                r = rs / RK_KERNEL_W;
      x[i] = r < RK_KERNEL_H && valid(row, r, s) ? row.at[offset(r, s, c)] : 0.f;
    }
  }
};
