// C[M, N] = A[M, K] B[K, N] in FP32 on the plain cores, for every architecture; A may be the patches of an
// NHWC picture (implicit GEMM), the result goes through a generated epilogue.
// SPDX-License-Identifier: Apache-2.0
//
//            N                 A block computes a tile of BM x BN: K is walked in slices of BK, which lie in
//            shared
//        +-------+             memory twice, one being used while the next is on its way through registers.
//      K |   B   |             A thread has TM x TN sums, in groups of 4 x 4 that stand BM/(TM/4) rows and
//      BN/(TN/4)
//        +-------+             columns apart: so the 8 x 4 threads of a warp read A in 8 and B in 4 vectors
//        of 16
//   +---++-------+             bytes, without bank conflicts.
// M | A ||   C   |
//   +---++-------+             A lies transposed in shared memory, each row 4 floats longer than BM.
//
// Limits: B has rows of a multiple of 4 floats, filled with zeros; K is padded with zeros too.

/// `b_stride` is the length of B's rows, a multiple of 4 and at least N. The epilogue's store(m, n, x) takes
/// four neighbours of row `first_row` + m; what lies past N is not to be stored.
template <class Rows, class Epilogue>
__device__ __forceinline__ void rk_gemm_simt(const Rows& a, const float* __restrict__ b, int b_rows,
                                             int b_stride, int m_count, int n_count, int k_begin, int k_end,
                                             int first_row, const Epilogue& epilogue) {
  constexpr int BM = RK_BM, BN = RK_BN, BK = RK_BK, TM = RK_TM, TN = RK_TN;
  constexpr int threads = (BM / TM) * (BN / TN);
  constexpr int loads_a = BM * BK / 4 / threads, loads_b = BN * BK / 4 / threads;
  static_assert(loads_a >= 1 && loads_b >= 1 && threads * 4 % BK == 0 && threads % 32 == 0, "tile");
  __shared__ __align__(16) float tile_a[2][BK][BM + 4];
  __shared__ __align__(16) float tile_b[2][BK][BN];
  const int t = threadIdx.x, m0 = blockIdx.y * BM, n0 = blockIdx.x * BN;
  constexpr int warps_n = BN / TN / 4 > 0 ? BN / TN / 4 : 1;
  const int warp = t / 32, lane = t % 32;
  const int tn = warp % warps_n * 4 + lane % 4, tm = warp / warps_n * 8 + lane / 4;

  typename Rows::Row rows[loads_a];
  const int a_column = t * 4 % BK;
#pragma unroll
  for (int i = 0; i < loads_a; ++i) rows[i] = a.row(m0 + (t + i * threads) * 4 / BK);

  float next_a[loads_a][4];
  Vector<float, 4> next_b[loads_b];
  const auto fetch = [&](int k0) {
#pragma unroll
    for (int i = 0; i < loads_a; ++i) {
      if (k0 + a_column < k_end) {
        a.load(rows[i], k0 + a_column, next_a[i]);
      } else {
#pragma unroll
        for (int j = 0; j < 4; ++j) next_a[i][j] = 0.f;
      }
    }
#pragma unroll
    for (int i = 0; i < loads_b; ++i) {
      const int e = (t + i * threads) * 4, k = k0 + e / BN, n = n0 + e % BN;
      if (k < b_rows && n < b_stride) {
        next_b[i] = rk_load<float, 4>(b + (long long)k * b_stride + n);
      } else {
#pragma unroll
        for (int j = 0; j < 4; ++j) next_b[i].at[j] = 0.f;
      }
    }
  };
  const auto put = [&](int stage) {
#pragma unroll
    for (int i = 0; i < loads_a; ++i) {
      const int row = (t + i * threads) * 4 / BK;
#pragma unroll
      for (int j = 0; j < 4; ++j) tile_a[stage][a_column + j][row] = next_a[i][j];
    }
#pragma unroll
    for (int i = 0; i < loads_b; ++i) {
      const int e = (t + i * threads) * 4;
      rk_store<float, 4>(&tile_b[stage][e / BN][e % BN], next_b[i]);
    }
  };
  float sums[TM][TN];
#pragma unroll
  for (int i = 0; i < TM; ++i)
#pragma unroll
    for (int j = 0; j < TN; ++j) sums[i][j] = 0.f;
  float part_a[2][TM], part_b[2][TN];
  const auto read = [&](int stage, int k, int buffer) {
#pragma unroll
    for (int i = 0; i < TM / 4; ++i) {
      const Vector<float, 4> v = rk_load<float, 4>(&tile_a[stage][k][tm * 4 + i * (BM / (TM / 4))]);
#pragma unroll
      for (int j = 0; j < 4; ++j) part_a[buffer][i * 4 + j] = v.at[j];
    }
#pragma unroll
    for (int i = 0; i < TN / 4; ++i) {
      const Vector<float, 4> v = rk_load<float, 4>(&tile_b[stage][k][tn * 4 + i * (BN / (TN / 4))]);
#pragma unroll
      for (int j = 0; j < 4; ++j) part_b[buffer][i * 4 + j] = v.at[j];
    }
  };

  fetch(k_begin);
  put(0);
  __syncthreads();
  read(0, 0, 0);
  int stage = 0;
  for (int k0 = k_begin; k0 < k_end; k0 += BK) {
    const bool more = k0 + BK < k_end;
    if (more) fetch(k0 + BK);
#pragma unroll
    for (int k = 0; k < BK; ++k) {
      if (k == BK - 1 && more) {
        put(stage ^ 1);
        __syncthreads();
      }
      if (k < BK - 1)
        read(stage, k + 1, (k + 1) & 1);
      else if (more)
        read(stage ^ 1, 0, (k + 1) & 1);
#pragma unroll
      for (int i = 0; i < TM; ++i)
#pragma unroll
        for (int j = 0; j < TN; ++j) sums[i][j] = fmaf(part_a[k & 1][i], part_b[k & 1][j], sums[i][j]);
    }
    stage ^= 1;
  }
#pragma unroll
  for (int i = 0; i < TM; ++i) {
    const int m = m0 + tm * 4 + i / 4 * (BM / (TM / 4)) + i % 4;
    if (m >= m_count) continue;
#pragma unroll
    for (int j = 0; j < TN / 4; ++j) {
      const int n = n0 + tn * 4 + j * (BN / (TN / 4));
      if (n < n_count) {
        float x[4] = {sums[i][j * 4], sums[i][j * 4 + 1], sums[i][j * 4 + 2], sums[i][j * 4 + 3]};
        epilogue.store(first_row + m, n, x);
      }
    }
  }
}
