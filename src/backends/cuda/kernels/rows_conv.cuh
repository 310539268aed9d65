// The left matrix of a convolution seen as a product: the patches of an NHWC tensor, never written out.
// SPDX-License-Identifier: Apache-2.0
/// Rows are the output positions of a convolution over an NHWC tensor, columns run over (r, s, c) with the
/// channels padded to RK_CHANNELS, so that four neighbours are of one position. RK_GIVEN_CHANNELS of them
/// exist.
struct RkConvRows {
  const float* __restrict__ x;
  int rows, first_channel;
  Window window;
  static constexpr bool vectors = RK_A_VECTORS;
  static constexpr int taps = RK_KERNEL_H * RK_KERNEL_W;
  static constexpr bool has_mask = taps <= 32;  // else whether a tap is inside is worked out for each
  struct Row {
    int at;  // offset of the window's corner, which may lie outside
    int h, w;
    u32 mask;  // bit r * RK_KERNEL_W + s: whether that tap lies on the picture
  };
  struct Column {
    int r, s, offset;
    bool exists;
  };
  __device__ __forceinline__ bool tap(int h, int w, int r, int s) const {
    return unsigned(h + r * RK_DILATION_H) < unsigned(window.in_h) &&
           unsigned(w + s * RK_DILATION_W) < unsigned(window.in_w);
  }
  __device__ __forceinline__ Row row(int m) const {
    const bool inside = m < rows;
    if (!inside) m = 0;
    const int q = m % window.out_w, t = m / window.out_w, p = t % window.out_h, n = t / window.out_h;
    Row row;
    row.h = p * RK_STRIDE_H - RK_PAD_H;
    row.w = q * RK_STRIDE_W - RK_PAD_W;
    row.at = ((n * window.in_h + row.h) * window.in_w + row.w) * RK_IN_CHANNELS + first_channel;
    row.mask = 0;
    if (!inside) row.h = -(1 << 28);  // no tap is on any picture
    if (has_mask) {
#pragma unroll
      for (int i = 0; i < taps; ++i)
        if (tap(row.h, row.w, i / RK_KERNEL_W, i % RK_KERNEL_W)) row.mask |= 1u << i;
    }
    return row;
  }
  __device__ __forceinline__ Column column(int k) const {
    const int c = k % RK_CHANNELS, rs = k / RK_CHANNELS, s = rs % RK_KERNEL_W, r = rs / RK_KERNEL_W;
    return {r, s, (r * RK_DILATION_H * window.in_w + s * RK_DILATION_W) * RK_IN_CHANNELS + c,
            RK_CHANNELS == RK_GIVEN_CHANNELS || c < RK_GIVEN_CHANNELS};
  }
  __device__ __forceinline__ bool inside(const Row& row, const Column& column) const {
    if (!column.exists) return false;
    if (has_mask) return row.mask >> (column.r * RK_KERNEL_W + column.s) & 1u;
    return tap(row.h, row.w, column.r, column.s);
  }
  __device__ __forceinline__ const float* at(const Row& row, const Column& column) const {
    return x + (row.at + column.offset);
  }
};
