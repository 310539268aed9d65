// The left matrix of a product as it lies in memory.
// SPDX-License-Identifier: Apache-2.0
/// A as a plain matrix with rows of `stride` floats.
struct RkDenseRows {
  const float* a;
  int rows, depth, stride;
  struct Row {
    const float* at;
    bool inside;
  };
  __device__ __forceinline__ Row row(int m) const {
    return {a + (long long)(m < rows ? m : 0) * stride, m < rows};
  }
  /// Four elements of a row from column k on; columns past the depth are 0.
  __device__ __forceinline__ void load(const Row& row, int k, float (&x)[4]) const {
    if (row.inside && k + 4 <= depth && RK_A_VECTORS) {
      const Vector<float, 4> v = rk_load<float, 4>(row.at + k);
#pragma unroll
      for (int i = 0; i < 4; ++i) x[i] = v.at[i];
      return;
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) x[i] = row.inside && k + i < depth ? row.at[k + i] : 0.f;
  }
};
