// The left matrix of a product as it lies in memory.
// SPDX-License-Identifier: Apache-2.0
/// A as a matrix whose element (m, k) is a[m * row_step + k * column_step]. RK_A_VECTORS: rows are contiguous
/// and of a multiple of 4 floats. Rows past the last read the first: what becomes of them is not stored.
struct RkDenseRows {
  const float* __restrict__ a;
  int rows, row_step, column_step;
  static constexpr bool vectors = RK_A_VECTORS;
  using Row = int;  // offsets; kernels count elements in 32 bits
  using Column = int;
  __device__ __forceinline__ Row row(int m) const { return (m < rows ? m : 0) * row_step; }
  __device__ __forceinline__ Column column(int k) const { return vectors ? k : k * column_step; }
  __device__ __forceinline__ bool inside(Row, Column) const { return true; }
  __device__ __forceinline__ const float* at(Row row, Column column) const { return a + (row + column); }
};
