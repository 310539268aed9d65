// The left matrix of a product on the tensor cores, as it lies in memory.
// SPDX-License-Identifier: Apache-2.0
/// Rows of `stride` halves. RK_A_VECTORS: rows begin at multiples of 8 halves and have whole chunks of 8.
struct RkHalfRows {
  const f16* __restrict__ a;
  int rows, stride;
  static constexpr bool vectors = RK_A_VECTORS;
  using Row = int;  // the row's number; past the last one the last
  using Column = int;
  __device__ __forceinline__ const f16* base() const { return a; }
  __device__ __forceinline__ Row row(int m) const { return min(m, rows - 1); }
  __device__ __forceinline__ Column column(int k) const { return k; }
  __device__ __forceinline__ bool inside(Row, Column) const { return true; }
  __device__ __forceinline__ const f16* at(Row row, Column column) const {
    return a + ((i64)row * stride + column);
  }
};
