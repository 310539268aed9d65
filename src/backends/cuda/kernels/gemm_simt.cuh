// C[M, N] = A[M, K] B[K, N] in FP32 on the plain cores, for every architecture; A may be the patches of an
// NHWC picture (implicit GEMM), the result goes through a generated epilogue.
// SPDX-License-Identifier: Apache-2.0
//
//            N                 A block computes a tile of BM x BN. K is walked in slices of BK, which lie in
//            shared
//        +-------+             memory RK_STAGES times: one is used while others are on their way, straight
//        from
//      K |   B   |             global memory from sm_80 on, through registers before that.
//        +-------+
//   +---++-------+             A warp is 8 x 4 threads with TM x TN sums each, columns in fours that are 16
//   apart.
// M | A ||   C   |             Of A a warp reads 8 different vectors of 16 bytes at a time and of B 4, which
// lie in
//   +---++-------+             different banks.

/// Which rows of A a thread has, and how many k it reads at once.
struct RkRowsOfA {
#if RK_HAS_COPY_ASYNC
  // A lies in shared memory as in global memory, BK + 4 floats a row: a thread reads four k of a row at once.
  static constexpr int together = 4;
  __device__ __forceinline__ static constexpr int first(int lane) { return lane / 4; }
  __device__ __forceinline__ static constexpr int offset(int i) { return i * 8; }
  template <class Slice>
  __device__ __forceinline__ static void read(const Slice& slice, int row0, int k0, float (&of_a)[4][RK_TM]) {
#pragma unroll
    for (int i = 0; i < RK_TM; ++i) {
      const Vector<float, 4> v = rk_load<float, 4>(&slice.a[row0 + offset(i)][k0]);
#pragma unroll
      for (int k = 0; k < 4; ++k) of_a[k][i] = v.at[k];
    }
  }
#else
  // A is transposed on its way through registers: a thread reads four rows of one k at once.
  static constexpr int together = 1;
  __device__ __forceinline__ static constexpr int first(int lane) { return lane / 4 * 4; }
  __device__ __forceinline__ static constexpr int offset(int i) { return i / 4 * 32 + i % 4; }
  template <class Slice>
  __device__ __forceinline__ static void read(const Slice& slice, int row0, int k0, float (&of_a)[1][RK_TM]) {
#pragma unroll
    for (int i = 0; i < RK_TM; i += 4) {
      const Vector<float, 4> v = rk_load<float, 4>(&slice.a[k0][row0 + offset(i)]);
#pragma unroll
      for (int j = 0; j < 4; ++j) of_a[0][i + j] = v.at[j];
    }
  }
#endif
};

/// B as a matrix with rows of `stride` floats, a multiple of 4, N at most. Columns past the last read the
/// first: what becomes of them is not stored.
struct RkDenseColumns {
  const float* __restrict__ b;
  int stride;
  static constexpr bool along_n = true;  // a thread takes neighbours of one row
  __device__ __forceinline__ int start(int k, int n) const { return k * stride + (n < stride ? n : 0); }
  __device__ __forceinline__ int k_step() const { return stride; }
};
/// B as a matrix whose element (k, n) is b[k * row_step + n * column_step]; threads take neighbours along K.
struct RkTurnedColumns {
  const float* __restrict__ b;
  int columns, row_step, column_step;
  static constexpr bool along_n = false;
  __device__ __forceinline__ int start(int k, int n) const {
    return k * row_step + (n < columns ? n : 0) * column_step;
  }
  __device__ __forceinline__ int k_step() const { return row_step; }
};

/// Which tile a block has (x along N, y along M) of a grid of M tiles by N tiles: tiles of 8 rows of tiles
/// run together, so that what they read stays in the L2 cache.
RK_DEVICE int2 rk_tile_of_block() {
  const u32 per_group = 8 * gridDim.y, block = blockIdx.y * gridDim.x + blockIdx.x;
  const u32 first = block / per_group * 8, rest = block % per_group, rows = min(gridDim.x - first, 8u);
  return {(int)(rest / rows), (int)(first + rest % rows)};
}

/// What a tile's constants make.
struct RkTile {
  static constexpr int BM = RK_BM, BN = RK_BN, BK = RK_BK, TM = RK_TM, TN = RK_TN;
  static constexpr int threads = (BM / TM) * (BN / TN), stages = RK_STAGES, warps_n = BN / TN / 4;
  static constexpr int loads_a = BM * BK / 4 / threads, loads_b = BN * BK / 4 / threads;
  static_assert(loads_a >= 1 && loads_b >= 1 && threads * 4 % BK == 0 && threads % 32 == 0, "tile");
  static_assert(warps_n >= 1, "a warp is four threads wide");
  static_assert(RK_HAS_COPY_ASYNC || stages == 2, "registers hold one slice");
};

template <class Columns> struct RkSlice {
#if RK_HAS_COPY_ASYNC
  float a[RK_BM][RK_BK + 4];
#else
  float a[RK_BK][RK_BM + 4];
#endif
  float b[RK_BK][RK_BN + (Columns::along_n ? 0 : 4)];
};

/// Brings slices of A and B into shared memory: a thread's share of them. Of A it takes four neighbours along
/// K, of B along N or along K; of loads_a rows and loads_b of B.
template <class Rows, class Columns> struct RkSupply : RkTile {
  static constexpr bool along_n = Columns::along_n;
  static constexpr int a_step = threads * 4 / BK, b_step = along_n ? threads * 4 / BN : a_step;
  static constexpr int starts_b = along_n ? 1 : loads_b;
  const Rows& a;
  const Columns& b;
  const int end;  // of the block's part of K
  int a_k, a_m, b_k, b_n, k_step;
  typename Rows::Row rows[loads_a];
  int from_b[starts_b];                               // offsets; kernels count elements in 32 bits
  Vector<float, 4> next_a[loads_a], next_b[loads_b];  // before sm_80

  __device__ __forceinline__ RkSupply(const Rows& left, const Columns& right, const RkPart& range, int m0,
                                      int n0)
      : a(left), b(right), end(range.end) {
    const int t = threadIdx.x;
    a_k = t * 4 % BK;
    a_m = t * 4 / BK;
#pragma unroll
    for (int i = 0; i < loads_a; ++i) rows[i] = a.row(m0 + a_m + i * a_step);
    b_k = along_n ? t * 4 / BN : a_k;
    b_n = along_n ? t * 4 % BN : a_m;
#pragma unroll
    for (int i = 0; i < starts_b; ++i) from_b[i] = b.start(range.begin + b_k, n0 + b_n + i * b_step);
    k_step = b.k_step();
  }
  __device__ __forceinline__ void next_slice_of_b() {
#pragma unroll
    for (int i = 0; i < starts_b; ++i) from_b[i] += BK * k_step;
  }
  /// Where load i of B begins, j rows further on.
  __device__ __forceinline__ const float* at_b(int i, int j) const {
    return b.b + (along_n ? from_b[0] + i * b_step * k_step : from_b[along_n ? 0 : i] + j * k_step);
  }
  template <class Slice> __device__ __forceinline__ void issue(int k0, Slice& to);
  __device__ __forceinline__ void fetch(int k0);
  template <class Slice> __device__ __forceinline__ void put(Slice& to) const;
};

#if RK_HAS_COPY_ASYNC
template <class Rows, class Columns>
template <class Slice>
__device__ __forceinline__ void RkSupply<Rows, Columns>::issue(int k0, Slice& to) {
  const int ka = k0 + a_k;
#pragma unroll
  for (int j = 0; j < 4; j += Rows::vectors ? 4 : 1) {
    const typename Rows::Column column = a.column(ka + j);
#pragma unroll
    for (int i = 0; i < loads_a; ++i)
      rk_copy_async<Rows::vectors ? 16 : 4>(&to.a[a_m + i * a_step][a_k + j], a.at(rows[i], column),
                                            ka + j < end && a.inside(rows[i], column));
  }
#pragma unroll
  for (int i = 0; i < loads_b; ++i) {
    if (along_n) {
      const int k = b_k + i * b_step;
      rk_copy_async<16>(&to.b[k][b_n], at_b(i, 0), k0 + k < end);
    } else {
#pragma unroll
      for (int j = 0; j < 4; ++j)
        rk_copy_async<4>(&to.b[b_k + j][b_n + i * b_step], at_b(i, j), k0 + b_k + j < end);
    }
  }
  next_slice_of_b();
}
#endif

template <class Rows, class Columns> __device__ __forceinline__ void RkSupply<Rows, Columns>::fetch(int k0) {
  const int ka = k0 + a_k;
#pragma unroll
  for (int j = 0; j < 4; j += Rows::vectors ? 4 : 1) {
    const typename Rows::Column column = a.column(ka + j);
#pragma unroll
    for (int i = 0; i < loads_a; ++i) {
      const bool inside = ka + j < end && a.inside(rows[i], column);
      if (Rows::vectors) {
        next_a[i] = {};
        if (inside) next_a[i] = rk_load<float, 4>(a.at(rows[i], column));
      } else {
        next_a[i].at[j] = inside ? *a.at(rows[i], column) : 0.f;
      }
    }
  }
#pragma unroll
  for (int i = 0; i < loads_b; ++i) {
    next_b[i] = {};
    if (along_n) {
      if (k0 + b_k + i * b_step < end) next_b[i] = rk_load<float, 4>(at_b(i, 0));
    } else {
#pragma unroll
      for (int j = 0; j < 4; ++j)
        if (k0 + b_k + j < end) next_b[i].at[j] = *at_b(i, j);
    }
  }
  next_slice_of_b();
}

template <class Rows, class Columns>
template <class Slice>
__device__ __forceinline__ void RkSupply<Rows, Columns>::put(Slice& to) const {
#pragma unroll
  for (int i = 0; i < loads_a; ++i)
#pragma unroll
    for (int j = 0; j < 4; ++j) to.a[a_k + j][a_m + i * a_step] = next_a[i].at[j];
#pragma unroll
  for (int i = 0; i < loads_b; ++i) {
    if (along_n) {
      rk_store<float, 4>(&to.b[b_k + i * b_step][b_n], next_b[i]);
    } else {
#pragma unroll
      for (int j = 0; j < 4; ++j) to.b[b_k + j][b_n + i * b_step] = next_b[i].at[j];
    }
  }
}

/// Adds the product of one slice: rows of A from row0 on, columns of B from column0 on.
template <class Slice>
RK_DEVICE void rk_multiply(const Slice& slice, int row0, int column0, float (&sums)[RK_TM * RK_TN]) {
  constexpr int TM = RK_TM, TN = RK_TN;
#pragma unroll
  for (int k0 = 0; k0 < RK_BK; k0 += RkRowsOfA::together) {
    float of_a[RkRowsOfA::together][TM];
    RkRowsOfA::read(slice, row0, k0, of_a);
#pragma unroll
    for (int k = 0; k < RkRowsOfA::together; ++k) {
      Vector<float, 4> of_b[TN / 4];
#pragma unroll
      for (int j = 0; j < TN / 4; ++j) of_b[j] = rk_load<float, 4>(&slice.b[k0 + k][column0 + j * 16]);
#pragma unroll
      for (int i = 0; i < TM; ++i)
#pragma unroll
        for (int step = 0; step < TN; ++step) {
          // To and fro, so that each multiplication has an operand of the one before: registers are read two
          // at a time where FP32 has a lane for every thread of a warp.
          const int j = i % 2 ? TN - 1 - step : step;
          sums[i * TN + j] = fmaf(of_a[k][i], of_b[j / 4].at[j % 4], sums[i * TN + j]);
        }
    }
  }
}

/// All slices of the block's part of K.
template <class Supply, class Slice>
RK_DEVICE void rk_multiply_all(Supply& supply, Slice (&slices)[RK_STAGES], const RkPart& range, int row0,
                               int column0, float (&sums)[RK_TM * RK_TN]) {
  constexpr int BK = RK_BK;
  int stage = 0;
#if RK_HAS_COPY_ASYNC
  constexpr int stages = RK_STAGES;
#pragma unroll
  for (int s = 0; s < stages - 1; ++s) {
    if (range.begin + s * BK < range.end) supply.issue(range.begin + s * BK, slices[s]);
    rk_copy_async_close();
  }
  for (int k0 = range.begin; k0 < range.end; k0 += BK) {
    rk_copy_async_wait<stages - 2>();
    __syncthreads();
    // The stage that was used last is free: every thread is past it.
    if (k0 + (stages - 1) * BK < range.end)
      supply.issue(k0 + (stages - 1) * BK, slices[stage == 0 ? stages - 1 : stage - 1]);
    rk_copy_async_close();
    rk_multiply(slices[stage], row0, column0, sums);
    stage = stage == stages - 1 ? 0 : stage + 1;
  }
#else
  if (range.begin < range.end) {
    supply.fetch(range.begin);
    supply.put(slices[0]);
  }
  __syncthreads();
  for (int k0 = range.begin; k0 < range.end; k0 += BK) {
    const bool more = k0 + BK < range.end;
    if (more) supply.fetch(k0 + BK);
    rk_multiply(slices[stage], row0, column0, sums);
    stage ^= 1;
    if (more) supply.put(slices[stage]);
    __syncthreads();
  }
#endif
}

/// `part` is the block's part of K where RK_SPLITS is more than 1, `item` the number of the product among
/// those of the launch. The epilogue's store(m, n, x) takes four neighbours of row `first_row` + m, column
/// `first_column` + n; what lies past N is not to be stored.
template <class Rows, class Columns, class Epilogue>
__device__ __forceinline__ void rk_gemm_simt(const Rows& a, const Columns& b, int m_count, int n_count,
                                             int k_count, int part, int item, float* workspace, u32* counters,
                                             int first_row, int first_column, const Epilogue& epilogue) {
  constexpr int TM = RK_TM, TN = RK_TN;
  __shared__ __align__(16) RkSlice<Columns> slices[RK_STAGES];
  const int2 place = rk_tile_of_block();
  const int m0 = place.y * RK_BM, n0 = place.x * RK_BN, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int row0 = warp / RkTile::warps_n * 8 * TM + RkRowsOfA::first(lane);
  const int column0 = warp % RkTile::warps_n * 4 * TN + lane % 4 * 4;
  const RkPart range = rk_part_of<RK_SPLITS, RK_BK>(part, k_count);
  RkSupply<Rows, Columns> supply(a, b, range, m0, n0);
  float sums[TM * TN];
#pragma unroll
  for (int i = 0; i < TM * TN; ++i) sums[i] = 0.f;
  rk_multiply_all(supply, slices, range, row0, column0, sums);
#if RK_SPLITS > 1
  const int tile = (item * gridDim.x + place.y) * gridDim.y + place.x;
  if (!rk_join_parts<RK_SPLITS, RkTile::threads>(sums, part, tile, workspace, counters)) return;
#endif
#pragma unroll
  for (int i = 0; i < TM; ++i) {
    const int m = m0 + row0 + RkRowsOfA::offset(i);
    if (m >= m_count) continue;
#pragma unroll
    for (int j = 0; j < TN / 4; ++j) {
      const int n = n0 + column0 + j * 16;
      if (n < n_count) {
        float x[4] = {sums[i * TN + j * 4], sums[i * TN + j * 4 + 1], sums[i * TN + j * 4 + 2],
                      sums[i * TN + j * 4 + 3]};
        epilogue.store(first_row + m, first_column + n, x);
      }
    }
  }
}
