// C[M, N] = A[M, K] B[K, N] over FP16 with FP32 sums, on the tensor cores of sm_70 and later; on older GPUs
// FP16 is storage and the plain cores multiply. A may be the patches of an NHWC picture, B has rows of K (a
// constant, packed at build) or of N; the result goes through a generated epilogue.
// SPDX-License-Identifier: Apache-2.0
//
// A block computes RK_BM x RK_BN with RK_WARPS_M x RK_WARPS_N warps. Slices of RK_BK columns of A and rows of
// B pass through RK_STAGES buffers of shared memory: from sm_80 on by asynchronous copies that run RK_STAGES
// - 1 slices ahead, before through registers, one slice ahead. What A cannot load in chunks of 8 neighbours
// goes through registers everywhere. While a step of 16 is multiplied, the fragments of the next are loaded.
//
// RK_SPLITS blocks share a tile where there are few: each has a part of K (sm_90, as a cluster).
//
// At the end each warp hands its sums through shared memory, 16 rows at a time, so that the epilogue gets 8
// neighbours of a row: 16 bytes of FP16.

constexpr int kRkThreads = RK_WARPS_M * RK_WARPS_N * 32;
constexpr int kRkChunks = RK_BK / 8;  // of a row of A
constexpr int kRkBytesA = RK_BM * RK_BK * 2, kRkBytesB = RK_BN * RK_BK * 2;
constexpr int kRkWarpRows = RK_BM / RK_WARPS_M, kRkWarpColumns = RK_BN / RK_WARPS_N;
constexpr int kRkTilesM = kRkWarpRows / 16, kRkTilesN = kRkWarpColumns / 8, kRkSteps = RK_BK / 16;

/// A's part of a slice: a thread has the same column of every row it loads.
template <class Rows> struct RkLeft {
  static constexpr bool async = RK_HAS_COPY_ASYNC && Rows::vectors;
  static constexpr int step = kRkThreads / kRkChunks;  // rows between a thread's rows
  static constexpr int count = (RK_BM + step - 1) / step;
  static_assert(kRkThreads % kRkChunks == 0, "tile");
  const Rows& rows;
  typename Rows::Row row[count];
  uint4 held[async ? 1 : count];
  int first, chunk;

  __device__ __forceinline__ RkLeft(const Rows& a, int m0) : rows(a) {
    chunk = threadIdx.x % kRkChunks;
    first = threadIdx.x / kRkChunks;
#pragma unroll
    for (int i = 0; i < count; ++i) row[i] = rows.row(m0 + first + i * step);
  }
  __device__ __forceinline__ bool has(int i) const { return RK_BM % step == 0 || first + i * step < RK_BM; }
  __device__ __forceinline__ void fetch(char* to, int k0, int k_end) {
    const int k = k0 + chunk * 8;
    if (Rows::vectors) {
      const typename Rows::Column column = rows.column(k);
#pragma unroll
      for (int i = 0; i < count; ++i) {
        if (!has(i)) continue;
        const bool inside = k < k_end && rows.inside(row[i], column);
        const f16* from = rows.at(row[i], column);
#if RK_HAS_COPY_ASYNC
        rk_copy_async<16>(to + rk_chunk_offset<kRkChunks>(first + i * step, chunk),
                          inside ? from : rows.base(), inside);
#else
        held[i] = inside ? *reinterpret_cast<const uint4*>(from) : make_uint4(0, 0, 0, 0);
#endif
      }
    } else {
#pragma unroll
      for (int i = 0; i < count; ++i) {
        u32 word[4];
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          u32 half[2];
#pragma unroll
          for (int h = 0; h < 2; ++h) {
            const typename Rows::Column column = rows.column(k + j * 2 + h);
            half[h] =
                k + j * 2 + h < k_end && rows.inside(row[i], column) ? rows.at(row[i], column)->bits : 0;
          }
          word[j] = half[0] | half[1] << 16;
        }
        held[i] = make_uint4(word[0], word[1], word[2], word[3]);
      }
    }
  }
  __device__ __forceinline__ void put(char* to) {
    if (async) return;
#pragma unroll
    for (int i = 0; i < count; ++i)
      if (has(i))
        *reinterpret_cast<uint4*>(to + rk_chunk_offset<kRkChunks>(first + i * step, chunk)) = held[i];
  }
};

/// B's part of a slice: RK_B_BY_COLUMNS says that it lies as [N, K], else as [K, N].
struct RkRight {
  static constexpr bool async = RK_HAS_COPY_ASYNC;
  static constexpr int chunks = RK_B_BY_COLUMNS ? kRkChunks : RK_BN / 8;
  static constexpr int lines = RK_B_BY_COLUMNS ? RK_BN : RK_BK;
  static constexpr int count = (lines * chunks + kRkThreads - 1) / kRkThreads;
  const f16* __restrict__ b;
  int stride, n0, n_count;
  uint4 held[async ? 1 : count];

  __device__ __forceinline__ void fetch(char* to, int k0, int k_end) {
#pragma unroll
    for (int i = 0; i < count; ++i) {
      const int e = threadIdx.x + i * kRkThreads, line = e / chunks, chunk = e % chunks;
      if (lines * chunks % kRkThreads != 0 && line >= lines) continue;
      const int n = n0 + (RK_B_BY_COLUMNS ? line : chunk * 8), k = k0 + (RK_B_BY_COLUMNS ? chunk * 8 : line);
      const bool inside = k < k_end && n < n_count;
      const f16* from = b + (inside ? RK_B_BY_COLUMNS ? (i64)n * stride + k : (i64)k * stride + n : 0);
#if RK_HAS_COPY_ASYNC
      rk_copy_async<16>(to + rk_chunk_offset<chunks>(line, chunk), from, inside);
#else
      held[i] = inside ? *reinterpret_cast<const uint4*>(from) : make_uint4(0, 0, 0, 0);
#endif
    }
  }
  __device__ __forceinline__ void put(char* to) {
    if (async) return;
#pragma unroll
    for (int i = 0; i < count; ++i) {
      const int e = threadIdx.x + i * kRkThreads, line = e / chunks, chunk = e % chunks;
      if (lines * chunks % kRkThreads != 0 && line >= lines) continue;
      *reinterpret_cast<uint4*>(to + rk_chunk_offset<chunks>(line, chunk)) = held[i];
    }
  }
};

#if RK_SM >= 75
/// What a warp multiplies in one step of 16.
struct RkFragments {
  u32 a[kRkTilesM][4], b[kRkTilesN / 2][4];
};

/// Where a lane finds its fragments in a slice; those of the other steps and tiles are constants away.
struct RkPlaces {
  int a, b;
  __device__ __forceinline__ RkPlaces(int warp_m, int warp_n) {
    const int lane = threadIdx.x % 32;
    a = rk_chunk_offset<kRkChunks>(warp_m + lane % 16, lane / 16);
    b = RK_B_BY_COLUMNS ? rk_chunk_offset<kRkChunks>(warp_n + lane % 8 + lane / 16 * 8, lane / 8 % 2)
                        : rk_chunk_offset<RK_BN / 8>(lane % 16, warp_n / 8 + lane / 16);
  }
  __device__ __forceinline__ void load(u32 slice, int step, RkFragments& to) const {
#pragma unroll
    for (int i = 0; i < kRkTilesM; ++i)
      rk_load_matrices(to.a[i], slice + (a ^ step * 32) + i * 16 * RK_BK * 2);
#pragma unroll
    for (int j = 0; j < kRkTilesN / 2; ++j) {
      if (RK_B_BY_COLUMNS)
        rk_load_matrices(to.b[j], slice + kRkBytesA + (b ^ step * 32) + j * 16 * RK_BK * 2);
      else
        rk_load_transposed(to.b[j], slice + kRkBytesA + (b ^ j * 32) + step * 16 * RK_BN * 2);
    }
  }
};

RK_DEVICE void rk_multiply(float (&sums)[kRkTilesM][kRkTilesN][4], const RkFragments& from) {
#pragma unroll
  for (int i = 0; i < kRkTilesM; ++i)
#pragma unroll
    for (int j = 0; j < kRkTilesN; ++j)
      rk_mma(sums[i][j], from.a[i], from.b[j / 2][j % 2 * 2], from.b[j / 2][j % 2 * 2 + 1]);
}
#else
/// One slice without the matrix loads of sm_75: each lane reads the halves it needs, 8 neighbours along K at
/// a time.
struct RkPlaces {
  int warp_m, warp_n;
  __device__ __forceinline__ RkPlaces(int m, int n) : warp_m(m), warp_n(n) {}

  __device__ __forceinline__ static uint4 chunk_of(const char* tile, int row, int chunk) {
    return *reinterpret_cast<const uint4*>(tile + rk_chunk_offset<kRkChunks>(row, chunk));
  }
#if RK_SM >= 70
  __device__ __forceinline__ void multiply(const char* a, const char* b, int chunk,
                                           float (&sums)[kRkTilesM][kRkTilesN][4]) const {
    const int lane = threadIdx.x % 32, quad_n = lane / 8 % 2 * 4, upper = lane / 16 * 8;
    uint4 left[kRkTilesM], right[kRkTilesN / 2];
#pragma unroll
    for (int i = 0; i < kRkTilesM; ++i) left[i] = chunk_of(a, warp_m + i * 16 + lane % 8 + upper, chunk);
#pragma unroll
    for (int j = 0; j < kRkTilesN / 2; ++j) {
      if (RK_B_BY_COLUMNS) {
        right[j] = chunk_of(b, warp_n + j * 16 + lane % 4 + quad_n + upper, chunk);
      } else {
        uint2 part[2];
#pragma unroll
        for (int h = 0; h < 2; ++h)
          part[h] = *reinterpret_cast<const uint2*>(
              b + rk_chunk_offset<RK_BN / 8>(chunk * 8 + h * 4 + lane % 4, (warp_n + j * 16 + upper) / 8) +
              quad_n * 2);
        right[j] = make_uint4(part[0].x, part[0].y, part[1].x, part[1].y);
      }
    }
#pragma unroll
    for (int i = 0; i < kRkTilesM; ++i)
#pragma unroll
      for (int j = 0; j < kRkTilesN / 2; ++j) {
        rk_mma4<RK_B_BY_COLUMNS>(sums[i][j * 2], sums[i][j * 2 + 1], left[i].x, left[i].y, right[j].x,
                                 right[j].y);
        rk_mma4<RK_B_BY_COLUMNS>(sums[i][j * 2], sums[i][j * 2 + 1], left[i].z, left[i].w, right[j].z,
                                 right[j].w);
      }
  }
#else
  /// No tensor cores: the halves are widened and multiplied on the plain ones.
  __device__ __forceinline__ void multiply(const char* a, const char* b, int chunk,
                                           float (&sums)[kRkTilesM][kRkTilesN][4]) const {
    const int lane = threadIdx.x % 32;
    Vector<f16, 8> left[kRkTilesM][2], right[kRkTilesN][2];
#pragma unroll
    for (int i = 0; i < kRkTilesM; ++i)
#pragma unroll
      for (int h = 0; h < 2; ++h)
        *reinterpret_cast<uint4*>(&left[i][h]) = chunk_of(a, warp_m + i * 16 + rk_row_of_sum(h), chunk);
#pragma unroll
    for (int j = 0; j < kRkTilesN; ++j) {
      const int n = warp_n + j * 8 + rk_column_of_sum();
      if (RK_B_BY_COLUMNS) {
#pragma unroll
        for (int c = 0; c < 2; ++c) *reinterpret_cast<uint4*>(&right[j][c]) = chunk_of(b, n + c, chunk);
      } else {
#pragma unroll
        for (int k = 0; k < 8; ++k) {
          const Vector<f16, 2> both = rk_load<f16, 2>(
              reinterpret_cast<const f16*>(b + rk_chunk_offset<RK_BN / 8>(chunk * 8 + k, n / 8) + n % 8 * 2));
          right[j][0].at[k] = both.at[0];
          right[j][1].at[k] = both.at[1];
        }
      }
    }
#pragma unroll
    for (int k = 0; k < 8; ++k) {
      float from_a[kRkTilesM][2];
#pragma unroll
      for (int i = 0; i < kRkTilesM; ++i)
#pragma unroll
        for (int h = 0; h < 2; ++h) from_a[i][h] = float(left[i][h].at[k]);
#pragma unroll
      for (int j = 0; j < kRkTilesN; ++j)
#pragma unroll
        for (int c = 0; c < 2; ++c) {
          const float from_b = float(right[j][c].at[k]);
#pragma unroll
          for (int i = 0; i < kRkTilesM; ++i)
#pragma unroll
            for (int h = 0; h < 2; ++h)
              sums[i][j][h * 2 + c] = fmaf(from_a[i][h], from_b, sums[i][j][h * 2 + c]);
        }
    }
  }
#endif
};
#endif

template <class Rows>
RK_DEVICE void rk_sum_slices(RkLeft<Rows>& left, RkRight& right, const RkPlaces& places, char* memory,
                             int k_begin, int k_end, float (&sums)[kRkTilesM][kRkTilesN][4]) {
  constexpr int slice = kRkBytesA + kRkBytesB;
  const int slices = (k_end - k_begin + RK_BK - 1) / RK_BK;
  const auto fetch = [&](int number, int stage) {
    if (number < slices) {
      left.fetch(memory + stage * slice, k_begin + number * RK_BK, k_end);
      right.fetch(memory + stage * slice + kRkBytesA, k_begin + number * RK_BK, k_end);
    }
  };
  const auto put = [&](int number, int stage) {
    if (number < slices) {
      left.put(memory + stage * slice);
      right.put(memory + stage * slice + kRkBytesA);
    }
#if RK_HAS_COPY_ASYNC
    rk_copy_async_close();
#endif
  };
  const auto wait = [&] {
#if RK_HAS_COPY_ASYNC
    rk_copy_async_wait<RK_STAGES - 2>();
#endif
    __syncthreads();
  };
#pragma unroll
  for (int s = 0; s < RK_STAGES - 1; ++s) {
    fetch(s, s);
    put(s, s);
  }
  wait();
#if RK_SM >= 75
  const u32 base = rk_shared_address(memory);
  RkFragments fragments[2];
  places.load(base, 0, fragments[0]);
  int stage = 0, filled = RK_STAGES - 1;  // the buffer being multiplied, and the one being filled
  for (int number = 0; number < slices; ++number) {
#pragma unroll
    for (int step = 0; step < kRkSteps; ++step) {
      if (step == 0) fetch(number + RK_STAGES - 1, filled);
      if (step == kRkSteps - 1) {
        put(number + RK_STAGES - 1, filled);
        filled = filled + 1 == RK_STAGES ? 0 : filled + 1;
        stage = stage + 1 == RK_STAGES ? 0 : stage + 1;
        wait();
      }
      places.load(base + stage * slice, (step + 1) % kRkSteps, fragments[(step + 1) % 2]);
      rk_multiply(sums, fragments[step % 2]);
    }
  }
#else
  for (int number = 0; number < slices; ++number) {
    const int stage = number % RK_STAGES, filled = (number + RK_STAGES - 1) % RK_STAGES;
    fetch(number + RK_STAGES - 1, filled);
    const char* const tile = memory + stage * slice;
#pragma unroll
    for (int chunk = 0; chunk < kRkChunks; ++chunk) places.multiply(tile, tile + kRkBytesA, chunk, sums);
    put(number + RK_STAGES - 1, filled);
    wait();
  }
#endif
}

/// Which tile a block computes: blocks that run at one time read few rows and columns, so that these stay in
/// the second-level cache.
RK_DEVICE void rk_tile_of_block(int& tile_m, int& tile_n) {
  tile_m = blockIdx.y;
  tile_n = blockIdx.x;
  if (RK_GROUP > 1) {
    const int number = blockIdx.y * gridDim.x + blockIdx.x, whole = RK_GROUP * gridDim.x;
    const int first = number / whole * RK_GROUP, height = min(RK_GROUP, int(gridDim.y) - first);
    tile_m = first + number % whole % height;
    tile_n = number % whole / height;
  }
}

/// Hands a warp's sums to the epilogue. `memory` is the warp's own: 16 rows of kRkWarpColumns + 8 floats.
template <class Epilogue>
RK_DEVICE void rk_store_sums(float (&sums)[kRkTilesM][kRkTilesN][4], float* memory, int m0, int n0,
                             int m_count, int n_count, int first_row, const Epilogue& epilogue) {
  constexpr int stride = kRkWarpColumns + 8, vectors = kRkWarpColumns / 8;
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int i = 0; i < kRkTilesM; ++i) {
    __syncwarp();
#pragma unroll
    for (int j = 0; j < kRkTilesN; ++j)
#pragma unroll
      for (int h = 0; h < 2; ++h)
        *reinterpret_cast<float2*>(memory + rk_row_of_sum(h) * stride + j * 8 + rk_column_of_sum()) =
            make_float2(sums[i][j][h * 2], sums[i][j][h * 2 + 1]);
    __syncwarp();
#pragma unroll
    for (int e = lane; e < 16 * vectors; e += 32) {
      const int row = e / vectors, column = e % vectors * 8;
      const int m = m0 + i * 16 + row, n = n0 + column;
      if (m < m_count && n < n_count) {
        float x[8];
#pragma unroll
        for (int j = 0; j < 8; j += 4) {
          const float4 v = *reinterpret_cast<const float4*>(memory + row * stride + column + j);
          x[j] = v.x, x[j + 1] = v.y, x[j + 2] = v.z, x[j + 3] = v.w;
        }
        epilogue.store(first_row + m, n, x);
      }
    }
  }
}

#if RK_SPLITS > 1
/// The same where RK_SPLITS blocks of a cluster have each a part of K: all leave their sums in shared memory,
/// and each hands on some of the rows, adding the parts in their order. `memory` has RK_BM rows of RK_BN + 8
/// floats.
template <class Epilogue>
RK_DEVICE void rk_join_and_store(float (&sums)[kRkTilesM][kRkTilesN][4], float* memory, int warp_m,
                                 int warp_n, int m0, int n0, int m_count, int n_count, int first_row,
                                 const Epilogue& epilogue) {
  constexpr int stride = RK_BN + 8, vectors = RK_BN / 8, rows = RK_BM / RK_SPLITS;
  const int lane = threadIdx.x % 32, part = blockIdx.z % RK_SPLITS;
#pragma unroll
  for (int i = 0; i < kRkTilesM; ++i)
#pragma unroll
    for (int j = 0; j < kRkTilesN; ++j)
#pragma unroll
      for (int h = 0; h < 2; ++h)
        *reinterpret_cast<float2*>(memory + (warp_m + i * 16 + lane / 4 + h * 8) * stride + warp_n + j * 8 +
                                   lane % 4 * 2) = make_float2(sums[i][j][h * 2], sums[i][j][h * 2 + 1]);
  rk_cluster_barrier();
  for (int e = threadIdx.x; e < rows * vectors; e += kRkThreads) {
    const int row = part * rows + e / vectors, column = e % vectors * 8;
    if (m0 + row >= m_count || n0 + column >= n_count) continue;
    const u32 at = rk_shared_address(memory + row * stride + column);
    float x[8];
#pragma unroll
    for (int j = 0; j < 8; ++j) x[j] = 0.f;
#pragma unroll
    for (int p = 0; p < RK_SPLITS; ++p) {
      const u32 from = rk_cluster_address(at, p);
#pragma unroll
      for (int j = 0; j < 8; j += 4) {
        const float4 v = rk_cluster_load(from + j * 4);
        x[j] += v.x, x[j + 1] += v.y, x[j + 2] += v.z, x[j + 3] += v.w;
      }
    }
    epilogue.store(first_row + m0 + row, n0 + column, x);
  }
  rk_cluster_barrier();  // nobody's memory goes away while others read it
}
#endif

/// `b` has lines of `b_stride` halves, a multiple of 8. The epilogue's store(m, n, x) takes eight neighbours
/// of row `first_row` + m; what lies past N is not to be stored.
template <class Rows, class Epilogue>
RK_DEVICE void rk_gemm_mma(const Rows& a, const f16* __restrict__ b, int b_stride, int m_count, int n_count,
                           int k_count, int first_row, const Epilogue& epilogue) {
  extern __shared__ __align__(128) char memory[];
  int tile_m, tile_n;
  rk_tile_of_block(tile_m, tile_n);
  const int m0 = tile_m * RK_BM, n0 = tile_n * RK_BN, warp = threadIdx.x / 32;
  const int warp_m = warp / RK_WARPS_N * kRkWarpRows, warp_n = warp % RK_WARPS_N * kRkWarpColumns;
  float sums[kRkTilesM][kRkTilesN][4];
#pragma unroll
  for (int i = 0; i < kRkTilesM; ++i)
#pragma unroll
    for (int j = 0; j < kRkTilesN; ++j)
#pragma unroll
      for (int c = 0; c < 4; ++c) sums[i][j][c] = 0.f;
  {
    RkLeft<Rows> left(a, m0);
    RkRight right{b, b_stride, n0, n_count};
    constexpr int unit = RK_BK;
    const int each = ((k_count + unit - 1) / unit + RK_SPLITS - 1) / RK_SPLITS * unit;
    const int part = RK_SPLITS == 1 ? 0 : int(blockIdx.z % RK_SPLITS) * each;
    rk_sum_slices(left, right, RkPlaces(warp_m, warp_n), memory, min(part, k_count),
                  min(part + each, k_count), sums);
  }
#if RK_HAS_COPY_ASYNC
  rk_copy_async_wait<0>();
#endif
  __syncthreads();
#if RK_SPLITS > 1
  rk_join_and_store(sums, reinterpret_cast<float*>(memory), warp_m, warp_n, m0, n0, m_count, n_count,
                    first_row, epilogue);
#else
  float* mine = reinterpret_cast<float*>(memory) + warp * 16 * (kRkWarpColumns + 8);
  rk_store_sums(sums, mine, m0 + warp_m, n0 + warp_n, m_count, n_count, first_row, epilogue);
#endif
}
