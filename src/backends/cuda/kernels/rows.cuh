// Softmax and norms along rows of RK_COLUMNS elements: RK_THREADS threads have one row in registers, which is
// read once, RK_WIDTH neighbours at a time. Small rows share a block: the block is RK_THREADS x rows.
// SPDX-License-Identifier: Apache-2.0

template <class Op> __device__ __forceinline__ float rk_row_reduce(float x, float* scratch) {
  return RK_THREADS <= 32 ? rk_warp_reduce<Op>(x) : rk_block_reduce<Op, RK_THREADS>(x, scratch);
}

/// The column of a thread's element i; a vector of RK_WIDTH is inside of the row or outside as a whole.
RK_DEVICE int rk_column(int i) {
  return (i / RK_WIDTH * RK_THREADS + int(threadIdx.x)) * RK_WIDTH + i % RK_WIDTH;
}

/// source.load(e, x) gives elements e, e + 1 … of the whole tensor, work(x, scratch) what becomes of a row:
/// it has the row's elements of this thread in x, those past the row's end are not looked at.
template <class Source, class Work, class Epilogue>
__device__ __forceinline__ void rk_rows(const Source& source, int rows, const Work& work,
                                        const Epilogue& epilogue) {
  constexpr int count = (RK_COLUMNS + RK_THREADS * RK_WIDTH - 1) / (RK_THREADS * RK_WIDTH) * RK_WIDTH;
  const int m = blockIdx.x * blockDim.y + threadIdx.y;
  if (m >= rows) return;
  __shared__ float scratch[32];
  float x[count];
#pragma unroll
  for (int i = 0; i < count; i += RK_WIDTH) {
    const int n = rk_column(i);
    if (n < RK_COLUMNS) {
      source.template load<RK_WIDTH>(m * RK_COLUMNS + n, x + i);
    } else {
#pragma unroll
      for (int j = 0; j < RK_WIDTH; ++j) x[i + j] = 0.f;
    }
  }
  work(x, scratch);
#pragma unroll
  for (int i = 0; i < count; i += RK_WIDTH) {
    const int n = rk_column(i);
    float some[RK_WIDTH];
#pragma unroll
    for (int j = 0; j < RK_WIDTH; ++j) some[j] = x[i + j];
    if (n < RK_COLUMNS) epilogue.store(m, n, some);
  }
}

template <bool Log> struct RkSoftmax {
  template <int Count> __device__ __forceinline__ void operator()(float (&x)[Count], float* scratch) const {
    float largest = -RK_INF, sum = 0.f;
#pragma unroll
    for (int i = 0; i < Count; ++i)
      if (rk_column(i) < RK_COLUMNS) largest = rk_max(largest, x[i]);
    largest = rk_row_reduce<RkMax>(largest, scratch);
#pragma unroll
    for (int i = 0; i < Count; ++i) {
      const float shifted = x[i] - largest, e = expf(shifted);
      if (rk_column(i) < RK_COLUMNS) sum += e;
      x[i] = Log ? shifted : e;
    }
    sum = rk_row_reduce<RkSum>(sum, scratch);
    const float last = Log ? logf(sum) : 1.f / sum;
#pragma unroll
    for (int i = 0; i < Count; ++i) x[i] = Log ? x[i] - last : x[i] * last;
  }
};

/// (x - mean) / sqrt(variance + epsilon) * scale + shift; without Centre the root mean square alone.
template <class T, bool Centre> struct RkNorm {
  const T* __restrict__ scale;  // may be null
  const T* __restrict__ shift;
  float epsilon;
  template <int Count> __device__ __forceinline__ void operator()(float (&x)[Count], float* scratch) const {
    float mean = 0.f, squares = 0.f;
    if (Centre) {
#pragma unroll
      for (int i = 0; i < Count; ++i) mean += x[i];  // those past the end are 0
      mean = rk_row_reduce<RkSum>(mean, scratch) / float(RK_COLUMNS);
    }
#pragma unroll
    for (int i = 0; i < Count; ++i) {
      x[i] -= mean;
      if (rk_column(i) < RK_COLUMNS) squares = fmaf(x[i], x[i], squares);
    }
    squares = rk_row_reduce<RkSum>(squares, scratch) / float(RK_COLUMNS);
    const float factor = 1.f / sqrtf(squares + epsilon);
#pragma unroll
    for (int i = 0; i < Count; ++i) x[i] *= factor;
#pragma unroll
    for (int i = 0; i < Count; i += RK_WIDTH) {
      const int n = rk_column(i);
      if (n >= RK_COLUMNS) continue;
      if (scale) {
        const Vector<T, RK_WIDTH> by = rk_load<T, RK_WIDTH>(scale + n);
#pragma unroll
        for (int j = 0; j < RK_WIDTH; ++j) x[i + j] *= float(by.at[j]);
      }
      if (shift) {
        const Vector<T, RK_WIDTH> by = rk_load<T, RK_WIDTH>(shift + n);
#pragma unroll
        for (int j = 0; j < RK_WIDTH; ++j) x[i + j] += float(by.at[j]);
      }
    }
  }
};
