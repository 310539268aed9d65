// What every generated kernel starts with: types, vector access, the functions that formulas call, reductions
// of a warp. No header of the toolkit is needed. RK_SM is the architecture the kernel is compiled for.
// SPDX-License-Identifier: Apache-2.0
typedef signed char i8;
typedef unsigned char u8;
typedef unsigned short u16;
typedef int i32;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long long u64;

#define RK_INF __int_as_float(0x7f800000)
#define RK_NAN __int_as_float(0x7fffffff)
#define RK_DEVICE static __device__ __forceinline__

// ---- FP16 as it is stored: every computation is in float, rounding to nearest when it is stored again
struct f16 {
  u16 bits;
  f16() = default;
#ifdef RK_EMULATOR
  f16(float x) : bits(rk_emulator_to_half(x)) {}
  operator float() const { return rk_emulator_from_half(bits); }
#else
  __device__ __forceinline__ f16(float x) { asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x)); }
  __device__ __forceinline__ operator float() const {
    float x;
    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
    return x;
  }
#endif
};

#ifdef RK_EMULATOR
#define RK_ALIGNED(p, bytes) rk_emulator_aligned(p, bytes)
#else
#define RK_ALIGNED(p, bytes)  // a GPU faults by itself
#endif

// ---- vectors: V elements of T, loaded and stored with one instruction where V * sizeof(T) is 2, 4, 8 or 16
// bytes, with several where it is a multiple of 16
template <class T, int V> struct alignas(sizeof(T) * V < 16 ? sizeof(T) * V : 16) Vector { T at[V]; };
template <int Bytes> struct RkWord { using Type = uint4; };
template <> struct RkWord<8> { using Type = uint2; };
template <> struct RkWord<4> { using Type = u32; };
template <> struct RkWord<2> { using Type = u16; };
template <> struct RkWord<1> { using Type = u8; };
template <class T, int V> RK_DEVICE Vector<T, V> rk_load(const T* p) {
  using Word = typename RkWord<sizeof(T) * V>::Type;
  RK_ALIGNED(p, sizeof(Word));
  Vector<T, V> v;
#pragma unroll
  for (int i = 0; i < int(sizeof(v) / sizeof(Word)); ++i)
    reinterpret_cast<Word*>(&v)[i] = reinterpret_cast<const Word*>(p)[i];
  return v;
}
template <class T, int V> RK_DEVICE void rk_store(T* p, const Vector<T, V>& v) {
  using Word = typename RkWord<sizeof(T) * V>::Type;
  RK_ALIGNED(p, sizeof(Word));
#pragma unroll
  for (int i = 0; i < int(sizeof(v) / sizeof(Word)); ++i)
    reinterpret_cast<Word*>(p)[i] = reinterpret_cast<const Word*>(&v)[i];
}

// ---- what formulas call. NaN spreads through min and max, as ONNX wants.
template <class T> RK_DEVICE T rk_min(T a, T b) { return a < b || a != a ? a : b; }
template <class T> RK_DEVICE T rk_max(T a, T b) { return a > b || a != a ? a : b; }
RK_DEVICE float rk_abs(float x) { return fabsf(x); }
RK_DEVICE i64 rk_abs(i64 x) { return x < 0 ? -x : x; }
RK_DEVICE i32 rk_abs(i32 x) { return x < 0 ? -x : x; }
RK_DEVICE float rk_acos(float x) { return acosf(x); }
RK_DEVICE float rk_acosh(float x) { return acoshf(x); }
RK_DEVICE float rk_asin(float x) { return asinf(x); }
RK_DEVICE float rk_asinh(float x) { return asinhf(x); }
RK_DEVICE float rk_atan(float x) { return atanf(x); }
RK_DEVICE float rk_atanh(float x) { return atanhf(x); }
RK_DEVICE float rk_ceil(float x) { return ceilf(x); }
RK_DEVICE float rk_cos(float x) { return cosf(x); }
RK_DEVICE float rk_cosh(float x) { return coshf(x); }
RK_DEVICE float rk_erf(float x) { return erff(x); }
RK_DEVICE float rk_exp(float x) { return expf(x); }
RK_DEVICE float rk_expm1(float x) { return expm1f(x); }
RK_DEVICE float rk_floor(float x) { return floorf(x); }
RK_DEVICE bool rk_isinf(float x) { return isinf(x); }
RK_DEVICE bool rk_isnan(float x) { return x != x; }
RK_DEVICE float rk_log(float x) { return logf(x); }
RK_DEVICE float rk_log1p(float x) { return log1pf(x); }
RK_DEVICE float rk_round_even(float x) { return rintf(x); }
RK_DEVICE float rk_sin(float x) { return sinf(x); }
RK_DEVICE float rk_sinh(float x) { return sinhf(x); }
RK_DEVICE float rk_sqrt(float x) { return sqrtf(x); }
RK_DEVICE float rk_tan(float x) { return tanf(x); }
RK_DEVICE float rk_tanh(float x) { return tanhf(x); }
RK_DEVICE float rk_trunc(float x) { return truncf(x); }

// ---- floats to integers: toward zero, held at the ends of the range, and NaN becomes 0
RK_DEVICE i32 rk_to_i32(float x) {
  if (x != x) return 0;
  return x >= 2147483648.f ? 2147483647 : x <= -2147483648.f ? -2147483647 - 1 : i32(x);
}
RK_DEVICE i64 rk_to_i64(float x) {
  if (x != x) return 0;
  constexpr i64 most = 9223372036854775807;
  return x >= 9223372036854775808.f ? most : x <= -9223372036854775808.f ? -most - 1 : i64(x);
}

// ---- reductions over a warp of 32; every lane gets the result
struct RkSum {
  __device__ static __forceinline__ float empty() { return 0.f; }
  __device__ static __forceinline__ float join(float a, float b) { return a + b; }
};
struct RkMax {
  __device__ static __forceinline__ float empty() { return -RK_INF; }
  __device__ static __forceinline__ float join(float a, float b) { return rk_max(a, b); }
};
struct RkMin {
  __device__ static __forceinline__ float empty() { return RK_INF; }
  __device__ static __forceinline__ float join(float a, float b) { return rk_min(a, b); }
};
struct RkProduct {
  __device__ static __forceinline__ float empty() { return 1.f; }
  __device__ static __forceinline__ float join(float a, float b) { return a * b; }
};
template <class Op> RK_DEVICE float rk_warp_reduce(float x) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) x = Op::join(x, __shfl_xor_sync(0xffffffffu, x, step));
  return x;
}
/// Over `Threads` threads of a block, a power of two from 32 on, which all call it; `scratch` has 32 floats.
template <class Op, int Threads> RK_DEVICE float rk_block_reduce(float x, float* scratch) {
  x = rk_warp_reduce<Op>(x);
  if (Threads == 32) return x;
  __syncthreads();  // the scratch memory may still be read from the last time
  if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = x;
  __syncthreads();
  x = threadIdx.x % 32 < Threads / 32 ? scratch[threadIdx.x % 32] : Op::empty();
  return rk_warp_reduce<Op>(x);
}
