// Attention on the plain cores: softmax(q k^T * scale + mask) v, a block of queries against all keys, tile by
// tile, with the running maximum and sum of "Online normalizer calculation for softmax" (arXiv 1805.02867).
// SPDX-License-Identifier: Apache-2.0
//
// A block has 4 warps of RK_QUERIES / 4 queries each. Keys and values pass through shared memory RK_KEYS at a
// time. For the scores a lane has keys of the tile, for the sums it has columns of v.

struct RkNoMask {
  static constexpr bool present = false;
  __device__ __forceinline__ float add(float score, int, int) const { return score; }
};

template <class T, class Mask, class Epilogue>
__device__ __forceinline__ void rk_attention(const T* __restrict__ q, const T* __restrict__ k,
                                             const T* __restrict__ v, int queries, int keys, float scale,
                                             int causal_offset, const Mask& mask, int first_row,
                                             const Epilogue& epilogue) {
  constexpr int mine = RK_QUERIES / 4, key_lanes = RK_KEYS / 32, value_lanes = (RK_VALUE_DEPTH + 31) / 32;
  __shared__ __align__(16) float tile_q[RK_QUERIES][RK_DEPTH];
  __shared__ __align__(16) float tile_k[RK_KEYS][RK_DEPTH + 1];
  __shared__ __align__(16) float tile_v[RK_KEYS][RK_VALUE_DEPTH];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, q0 = blockIdx.x * RK_QUERIES;
  for (int e = threadIdx.x; e < RK_QUERIES * RK_DEPTH; e += 128) {
    const int row = q0 + e / RK_DEPTH;
    tile_q[e / RK_DEPTH][e % RK_DEPTH] =
        row < queries ? float(q[row * RK_DEPTH + e % RK_DEPTH]) * scale : 0.f;
  }
  float largest[mine], total[mine], sums[mine][value_lanes];
#pragma unroll
  for (int i = 0; i < mine; ++i) {
    largest[i] = -RK_INF;
    total[i] = 0.f;
#pragma unroll
    for (int d = 0; d < value_lanes; ++d) sums[i][d] = 0.f;
  }
  const int end = RK_CAUSAL ? min(keys, q0 + RK_QUERIES + causal_offset) : keys;
  for (int k0 = 0; k0 < end; k0 += RK_KEYS) {
    __syncthreads();
    for (int e = threadIdx.x; e < RK_KEYS * RK_DEPTH; e += 128) {
      const int row = e / RK_DEPTH, column = e % RK_DEPTH;
      tile_k[row][column] = k0 + row < keys ? float(k[(k0 + row) * RK_DEPTH + column]) : 0.f;
    }
    for (int e = threadIdx.x; e < RK_KEYS * RK_VALUE_DEPTH; e += 128) {
      const int row = e / RK_VALUE_DEPTH, column = e % RK_VALUE_DEPTH;
      tile_v[row][column] = k0 + row < keys ? float(v[(k0 + row) * RK_VALUE_DEPTH + column]) : 0.f;
    }
    __syncthreads();
    float scores[mine][key_lanes];
#pragma unroll
    for (int i = 0; i < mine; ++i)
#pragma unroll
      for (int j = 0; j < key_lanes; ++j) scores[i][j] = 0.f;
#pragma unroll 8
    for (int d = 0; d < RK_DEPTH; ++d) {
      float from_k[key_lanes];
#pragma unroll
      for (int j = 0; j < key_lanes; ++j) from_k[j] = tile_k[lane + j * 32][d];
#pragma unroll
      for (int i = 0; i < mine; ++i) {
        const float from_q = tile_q[warp * mine + i][d];
#pragma unroll
        for (int j = 0; j < key_lanes; ++j) scores[i][j] = fmaf(from_q, from_k[j], scores[i][j]);
      }
    }
#pragma unroll
    for (int i = 0; i < mine; ++i) {
      const int row = q0 + warp * mine + i;
      float top = largest[i];
#pragma unroll
      for (int j = 0; j < key_lanes; ++j) {
        const int key = k0 + lane + j * 32;
        const bool seen = key < keys && row < queries && (!RK_CAUSAL || key <= row + causal_offset);
        scores[i][j] = seen ? mask.add(scores[i][j], row, key) : -RK_INF;
        top = rk_max(top, scores[i][j]);
      }
      top = rk_warp_reduce<RkMax>(top);
      // Nothing seen so far: every weight is 0, and so is what it would be scaled by.
      const float shift = top == -RK_INF ? 0.f : top, factor = expf(largest[i] - shift);
      largest[i] = top;
      float part = 0.f;
#pragma unroll
      for (int j = 0; j < key_lanes; ++j) {
        scores[i][j] = expf(scores[i][j] - shift);
        part += scores[i][j];
      }
      total[i] = total[i] * factor + rk_warp_reduce<RkSum>(part);
#pragma unroll
      for (int d = 0; d < value_lanes; ++d) sums[i][d] *= factor;
    }
#pragma unroll
    for (int j = 0; j < key_lanes; ++j) {
#pragma unroll 8
      for (int from = 0; from < 32; ++from) {
        float value[value_lanes];
#pragma unroll
        for (int d = 0; d < value_lanes; ++d) {
          const int column = lane + d * 32;
          value[d] = column < RK_VALUE_DEPTH ? tile_v[j * 32 + from][column] : 0.f;
        }
#pragma unroll
        for (int i = 0; i < mine; ++i) {
          const float weight = __shfl_sync(0xffffffffu, scores[i][j], from);
#pragma unroll
          for (int d = 0; d < value_lanes; ++d) sums[i][d] = fmaf(weight, value[d], sums[i][d]);
        }
      }
    }
  }
#pragma unroll
  for (int i = 0; i < mine; ++i) {
    const int row = q0 + warp * mine + i;
    if (row >= queries) continue;
    const float factor = total[i] == 0.f ? 0.f : 1.f / total[i];  // a query that sees no key gives zeros
#pragma unroll
    for (int d = 0; d < value_lanes; ++d) {
      const int column = lane + d * 32;
      float one[1] = {sums[i][d] * factor};
      if (column < RK_VALUE_DEPTH) epilogue.store(first_row + row, column, one);
    }
  }
}
