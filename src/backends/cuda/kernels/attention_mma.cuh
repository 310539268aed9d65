// Attention over FP16 on the tensor cores, for sm_75 and later: softmax(q k^T * scale + mask) v, a block of
// queries against all keys, tile by tile, with FP32 scores, statistics and sums.
// SPDX-License-Identifier: Apache-2.0
//
// A warp has 16 queries; a quad of lanes has two rows of its scores, so that maximum and sum of a row are two
// shuffles away. The weights of a tile are, rounded to FP16, at once the left operand of the product with v:
// C of one instruction is laid out as A of the next. Keys and values pass through shared memory RK_KEYS at a
// time, from sm_80 on while the tile before is worked on. Heads are padded with zeros to RK_DEPTH_PADDED
// columns.

constexpr int kRkWarps = RK_QUERIES / 16, kRkBlock = kRkWarps * 32;
constexpr int kRkChunksK = RK_DEPTH_PADDED / 8, kRkChunksV = RK_VALUE_PADDED / 8;
constexpr int kRkBytesQ = RK_QUERIES * RK_DEPTH_PADDED * 2;
constexpr int kRkBytesK = RK_KEYS * RK_DEPTH_PADDED * 2, kRkBytesV = RK_KEYS * RK_VALUE_PADDED * 2;
constexpr float kRkLog2 = 1.4426950408889634f;

struct RkNoMask {
  static constexpr bool present = false;
  __device__ __forceinline__ float add(float score, int, int) const { return score; }
};

/// Rows first to first + Rows of a matrix of `Depth` columns into swizzled rows of `Chunks` chunks; what is
/// not there is 0. Rows of a matrix lie `stride` halves apart.
template <int Rows, int Chunks, int Depth>
RK_DEVICE void rk_load_rows(char* to, const f16* __restrict__ from, int first, int count, int stride) {
  const bool vectors = RK_ROWS_ALIGNED && Depth % 8 == 0 && stride % 8 == 0;
#pragma unroll
  for (int e = threadIdx.x; e < Rows * Chunks; e += kRkBlock) {
    const int row = e / Chunks, chunk = e % Chunks;
    char* const place = to + rk_chunk_offset<Chunks>(row, chunk);
    const bool inside = first + row < count && chunk * 8 < Depth;
    const f16* const at = from + (inside ? (i64)(first + row) * stride + chunk * 8 : 0);
    if (vectors) {
#if RK_HAS_COPY_ASYNC
      rk_copy_async<16>(place, at, inside);
#else
      *reinterpret_cast<uint4*>(place) =
          inside ? *reinterpret_cast<const uint4*>(at) : make_uint4(0, 0, 0, 0);
#endif
    } else {
      Vector<u16, 8> v;
#pragma unroll
      for (int j = 0; j < 8; ++j) v.at[j] = inside && chunk * 8 + j < Depth ? at[j].bits : u16(0);
      rk_store(reinterpret_cast<u16*>(place), v);
    }
  }
}

/// Scores of a warp's queries and the keys of a tile.
RK_DEVICE void rk_score(float (&scores)[RK_KEYS / 8][4], const u32 (&q)[RK_DEPTH_PADDED / 16][4], u32 keys) {
  const int lane = threadIdx.x % 32;
  const int place = rk_chunk_offset<kRkChunksK>(lane % 8 + lane / 16 * 8, lane / 8 % 2);
#pragma unroll
  for (int j = 0; j < RK_KEYS / 8; ++j)
#pragma unroll
    for (int c = 0; c < 4; ++c) scores[j][c] = 0.f;
#pragma unroll
  for (int step = 0; step < RK_DEPTH_PADDED / 16; ++step)
#pragma unroll
    for (int j = 0; j < RK_KEYS / 16; ++j) {
      u32 k[4];
      rk_load_matrices(k, keys + (place ^ (step % 4 * 32)) + step / 4 * 128 + j * 16 * RK_DEPTH_PADDED * 2);
      rk_mma(scores[j * 2], q[step], k[0], k[1]);
      rk_mma(scores[j * 2 + 1], q[step], k[2], k[3]);
    }
}

/// sums += weights v
RK_DEVICE void rk_weigh(float (&sums)[RK_VALUE_PADDED / 8][4], const float (&weights)[RK_KEYS / 8][4],
                        u32 values) {
  const int lane = threadIdx.x % 32;
  const int place = rk_chunk_offset<kRkChunksV>(lane % 16, lane / 16);
#pragma unroll
  for (int step = 0; step < RK_KEYS / 16; ++step) {
    const float(&left)[4] = weights[step * 2];
    const float(&right)[4] = weights[step * 2 + 1];
    const u32 p[4] = {rk_pack_halves(left[0], left[1]), rk_pack_halves(left[2], left[3]),
                      rk_pack_halves(right[0], right[1]), rk_pack_halves(right[2], right[3])};
#pragma unroll
    for (int j = 0; j < RK_VALUE_PADDED / 16; ++j) {
      u32 v[4];
      rk_load_transposed(v, values + (place ^ (j % 4 * 32)) + j / 4 * 128 + step * 16 * RK_VALUE_PADDED * 2);
      rk_mma(sums[j * 2], p, v[0], v[1]);
      rk_mma(sums[j * 2 + 1], p, v[2], v[3]);
    }
  }
}

RK_DEVICE float rk_quad_max(float x) {
  x = rk_max(x, __shfl_xor_sync(0xffffffffu, x, 1));
  return rk_max(x, __shfl_xor_sync(0xffffffffu, x, 2));
}
RK_DEVICE float rk_quad_sum(float x) {
  x += __shfl_xor_sync(0xffffffffu, x, 1);
  return x + __shfl_xor_sync(0xffffffffu, x, 2);
}

/// The running softmax of a lane's two rows: scores become weights, and sums of earlier tiles are scaled.
struct RkSoftmaxRows {
  float largest[2], total[2];
  template <class Mask>
  __device__ __forceinline__ void take(float (&scores)[RK_KEYS / 8][4], float (&sums)[RK_VALUE_PADDED / 8][4],
                                       const Mask& mask, int row0, int k0, int queries, int keys, float scale,
                                       int causal_offset) {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const int row = row0 + lane / 4 + h * 8;
      float top = largest[h];
#pragma unroll
      for (int j = 0; j < RK_KEYS / 8; ++j)
#pragma unroll
        for (int c = 0; c < 2; ++c) {
          const int key = k0 + j * 8 + lane % 4 * 2 + c;
          const bool seen = key < keys && row < queries && (!RK_CAUSAL || key <= row + causal_offset);
          float& score = scores[j][h * 2 + c];
          score = seen ? mask.add(score * scale, row, key) : -RK_INF;
          top = rk_max(top, score);
        }
      top = rk_quad_max(top);
      // Nothing seen so far: every weight is 0, and so is what it would be scaled by.
      const float shift = top == -RK_INF ? 0.f : top, factor = exp2f((largest[h] - shift) * kRkLog2);
      largest[h] = top;
      float part = 0.f;
#pragma unroll
      for (int j = 0; j < RK_KEYS / 8; ++j)
#pragma unroll
        for (int c = 0; c < 2; ++c) {
          float& score = scores[j][h * 2 + c];
          score = exp2f((score - shift) * kRkLog2);
          part += score;
        }
      total[h] = total[h] * factor + part;
#pragma unroll
      for (int j = 0; j < RK_VALUE_PADDED / 8; ++j)
#pragma unroll
        for (int c = 0; c < 2; ++c) sums[j][h * 2 + c] *= factor;
    }
  }
};

/// The epilogue's store(row, column, x) takes two neighbours.
template <class Mask, class Epilogue>
RK_DEVICE void rk_attention_mma(const f16* __restrict__ q, const f16* __restrict__ k,
                                const f16* __restrict__ v, int q_stride, int k_stride, int v_stride,
                                int queries, int keys, float scale, int causal_offset, const Mask& mask,
                                int first_row, const Epilogue& epilogue) {
  extern __shared__ __align__(128) char memory[];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, q0 = blockIdx.x * RK_QUERIES;
  char* const tiles = memory + kRkBytesQ;
  const auto fetch = [&](int k0, int stage) {
    char* const to = tiles + stage * (kRkBytesK + kRkBytesV);
    rk_load_rows<RK_KEYS, kRkChunksK, RK_DEPTH>(to, k, k0, keys, k_stride);
    rk_load_rows<RK_KEYS, kRkChunksV, RK_VALUE_DEPTH>(to + kRkBytesK, v, k0, keys, v_stride);
  };
  const auto arrive = [] {
#if RK_HAS_COPY_ASYNC
    rk_copy_async_close();
    rk_copy_async_wait<0>();
#endif
    __syncthreads();
  };
  const int end = RK_CAUSAL ? min(keys, q0 + RK_QUERIES + causal_offset) : keys;
  rk_load_rows<RK_QUERIES, kRkChunksK, RK_DEPTH>(memory, q, q0, queries, q_stride);
  if (end > 0) fetch(0, 0);
  arrive();
  u32 mine[RK_DEPTH_PADDED / 16][4];
  {
    const int place = rk_chunk_offset<kRkChunksK>(warp * 16 + lane % 16, lane / 16);
#pragma unroll
    for (int step = 0; step < RK_DEPTH_PADDED / 16; ++step)
      rk_load_matrices(mine[step], rk_shared_address(memory) + (place ^ (step % 4 * 32)) + step / 4 * 128);
  }
  float sums[RK_VALUE_PADDED / 8][4];
#pragma unroll
  for (int j = 0; j < RK_VALUE_PADDED / 8; ++j)
#pragma unroll
    for (int c = 0; c < 4; ++c) sums[j][c] = 0.f;
  RkSoftmaxRows rows{{-RK_INF, -RK_INF}, {0.f, 0.f}};
  int stage = 0;
  for (int k0 = 0; k0 < end; k0 += RK_KEYS) {
    const int next = RK_STAGES == 1 ? 0 : stage ^ 1;
    if (RK_STAGES == 2 && k0 + RK_KEYS < end) fetch(k0 + RK_KEYS, next);
    const u32 tile = rk_shared_address(tiles + stage * (kRkBytesK + kRkBytesV));
    float scores[RK_KEYS / 8][4];
    rk_score(scores, mine, tile);
    rows.take(scores, sums, mask, q0 + warp * 16, k0, queries, keys, scale, causal_offset);
    rk_weigh(sums, scores, tile + kRkBytesK);
    if (k0 + RK_KEYS >= end) break;
    if (RK_STAGES == 1) {
      __syncthreads();  // the tile has been read
      fetch(k0 + RK_KEYS, next);
    }
    arrive();
    stage = next;
  }
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const int row = q0 + warp * 16 + lane / 4 + h * 8;
    const float total = rk_quad_sum(rows.total[h]);
    const float factor = total == 0.f ? 0.f : 1.f / total;  // a query that sees no key gives zeros
    if (row >= queries) continue;
#pragma unroll
    for (int j = 0; j < RK_VALUE_PADDED / 8; ++j) {
      const int column = j * 8 + lane % 4 * 2;
      float x[2] = {sums[j][h * 2] * factor, sums[j][h * 2 + 1] * factor};
      if (column < RK_VALUE_DEPTH) epilogue.store(first_row + row, column, x);
    }
  }
}
