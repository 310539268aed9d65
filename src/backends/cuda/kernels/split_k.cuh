// Split K: several blocks share one tile of a product, each with a part of K. Every block leaves its sums in
// the workspace; the one that arrives last adds all of them, always in the order of the parts, and goes on
// alone.
// SPDX-License-Identifier: Apache-2.0
//
// No float is added atomically: results are the same bits in every run. `counters` has one number for each
// tile, all 0 before the launch; the last block sets its own back to 0. `workspace` has Count floats for each
// thread of each block, so that neighbouring threads touch neighbouring floats.

/// The part of K that a block works on, in whole slices of BK.
struct RkPart {
  int begin, end;
};
template <int Splits, int BK> RK_DEVICE RkPart rk_part_of(int part, int k_count) {
  if (Splits == 1) return {0, k_count};
  const int slices = (k_count + BK - 1) / BK, each = (slices + Splits - 1) / Splits;
  return {min(part * each * BK, k_count), min((part + 1) * each * BK, k_count)};
}

/// Called by all threads of a block with their sums of part `part` of tile `tile`. True for those of the
/// block that goes on, which then have the sums of all parts.
template <int Splits, int Threads, int Count>
RK_DEVICE bool rk_join_parts(float (&sums)[Count], int part, int tile, float* __restrict__ workspace,
                             u32* __restrict__ counters) {
  const int t = threadIdx.x;
  float* const parts = workspace + (i64)tile * Splits * Count * Threads + t;
  float* const mine = parts + (i64)part * Count * Threads;
  // One by one: vectors would have the sums in registers that multiplications read at a price.
#pragma unroll
  for (int i = 0; i < Count; ++i) mine[i * Threads] = sums[i];
  __threadfence();
  __syncthreads();
  __shared__ u32 arrived;
  if (t == 0) arrived = atomicAdd(counters + tile, 1u);
  __syncthreads();
  if (arrived != Splits - 1) return false;
  __threadfence();  // what the others wrote is read after their arrival was seen
  if (t == 0) counters[tile] = 0;
#pragma unroll
  for (int i = 0; i < Count; ++i) sums[i] = 0.f;
  for (int p = 0; p < Splits; ++p) {
    const float* from = parts + (i64)p * Count * Threads;
    // Past the first-level cache, which other multiprocessors' writes do not reach.
#pragma unroll
    for (int i = 0; i < Count; ++i) sums[i] += __ldcg(from + i * Threads);
  }
  return true;
}
