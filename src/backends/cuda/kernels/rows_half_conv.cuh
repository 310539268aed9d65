// The left matrix of a convolution on the tensor cores: the patches of an NHWC picture, never written out.
// SPDX-License-Identifier: Apache-2.0
/// Rows are output positions, columns run over (r, s, c). RK_A_VECTORS: the channels come in eights, so that
/// a chunk is of one position.
struct RkHalfPatches {
  const f16* __restrict__ x;
  int rows;
  static constexpr bool vectors = RK_A_VECTORS;
  static constexpr int taps = RK_KERNEL_H * RK_KERNEL_W;
  static constexpr bool is_pointwise = taps == 1 && RK_PAD_H == 0 && RK_PAD_W == 0;
  static constexpr bool has_mask = taps <= 32;  // else whether a tap is inside is worked out for each
  struct Row {
    int at;    // of the window's corner, which may lie outside
    int h, w;  // of the corner
    u32 mask;  // bit r * RK_KERNEL_W + s: whether that tap lies on the picture
  };
  struct Column {
    int tap, r, s, offset;
  };
  __device__ __forceinline__ const f16* base() const { return x; }
  __device__ __forceinline__ static bool on_picture(int h, int w, int r, int s) {
    return unsigned(h + r * RK_DILATION_H) < unsigned(RK_IN_H) &&
           unsigned(w + s * RK_DILATION_W) < unsigned(RK_IN_W);
  }
  __device__ __forceinline__ Row row(int m) const {
    m = min(m, rows - 1);  // what the rows past the last give is not stored
    const int q = m % RK_OUT_W, t = m / RK_OUT_W, p = t % RK_OUT_H, n = t / RK_OUT_H;
    Row row;
    row.h = p * RK_STRIDE_H - RK_PAD_H;
    row.w = q * RK_STRIDE_W - RK_PAD_W;
    row.at = ((n * RK_IN_H + row.h) * RK_IN_W + row.w) * RK_IN_CHANNELS;
    row.mask = 0;
    if (has_mask && !is_pointwise) {
#pragma unroll
      for (int i = 0; i < taps; ++i)
        if (on_picture(row.h, row.w, i / RK_KERNEL_W, i % RK_KERNEL_W)) row.mask |= 1u << i;
    }
    return row;
  }
  __device__ __forceinline__ Column column(int k) const {
    const int tap = k / RK_IN_CHANNELS, r = tap / RK_KERNEL_W, s = tap % RK_KERNEL_W;
    return {tap, r, s,
            (r * RK_DILATION_H * RK_IN_W + s * RK_DILATION_W) * RK_IN_CHANNELS + k % RK_IN_CHANNELS};
  }
  __device__ __forceinline__ bool inside(const Row& row, const Column& column) const {
    if (is_pointwise) return true;
    if (has_mask) return row.mask >> (column.tap & 31) & 1u;
    return on_picture(row.h, row.w, column.r, column.s);
  }
  __device__ __forceinline__ const f16* at(const Row& row, const Column& column) const {
    return x + (row.at + column.offset);
  }
};
