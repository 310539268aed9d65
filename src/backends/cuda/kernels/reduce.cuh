// Folding the middle of [outer, reduced, inner]. Where inner is 1 a block folds one row; otherwise 32
// neighbours of the inner dim stand side by side, and 8 threads share the work of each.
// SPDX-License-Identifier: Apache-2.0

template <class Op, class Map, class Last, class Source, class Epilogue>
__device__ __forceinline__ void rk_reduce_rows(const Source& source, int outer, int reduced, const Map& map,
                                               const Last& last, const Epilogue& epilogue) {
  __shared__ float scratch[32];
  const int o = blockIdx.x;
  float sum = Op::empty();
  for (int r = threadIdx.x * RK_WIDTH; r < reduced; r += RK_THREADS * RK_WIDTH) {
    float x[RK_WIDTH];
    source.template load<RK_WIDTH>(o * reduced + r, x);
#pragma unroll
    for (int j = 0; j < RK_WIDTH; ++j) sum = Op::join(sum, map(x[j]));
  }
  sum = rk_block_reduce<Op, RK_THREADS>(sum, scratch);
  float one[1] = {last(sum, reduced)};
  if (threadIdx.x == 0) epilogue.store(o, 0, one);
}

template <class Op, class Map, class Last, class Source, class Epilogue>
__device__ __forceinline__ void rk_reduce_columns(const Source& source, int outer, int reduced, int inner,
                                                  const Map& map, const Last& last,
                                                  const Epilogue& epilogue) {
  __shared__ float scratch[8][33];
  const int o = blockIdx.x * 32 + threadIdx.x;
  float sum = Op::empty();
  if (o < outer * inner) {
    const int start = o / inner * reduced * inner + o % inner;
    for (int r = threadIdx.y; r < reduced; r += 8) {
      float x[1];
      source.template load<1>(start + r * inner, x);
      sum = Op::join(sum, map(x[0]));
    }
  }
  scratch[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || o >= outer * inner) return;
#pragma unroll
  for (int i = 1; i < 8; ++i) sum = Op::join(sum, scratch[i][threadIdx.x]);
  float one[1] = {last(sum, reduced)};
  epilogue.store(o, 0, one);
}
