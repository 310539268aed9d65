// The CUDA language for a C++ compiler of the host: what stands before the source of an emulated kernel.
// Every access to memory comes here first, because the kernel is compiled with -fsanitize=thread, whose calls
// the functions at the end take.
// SPDX-License-Identifier: Apache-2.0
#define RK_EMULATOR 1
#define RK_UNCHECKED __attribute__((no_sanitize("thread")))
#define RK_HIDDEN __attribute__((visibility("hidden")))

extern "C" __attribute__((visibility("default"))) RkEmulatorTable rk_emulator_table;
RkEmulatorTable rk_emulator_table;

// ---- keywords. Shared variables stand far apart, so that what runs past one meets no other.
#define __global__ __attribute__((visibility("default")))
#define __device__
#define __host__
#define __constant__ static const
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n) __attribute__((aligned(n)))
#define __shared__ static __attribute__((used, aligned(65536)))

// Dynamic shared memory: the declaration stays, the linker makes its name one for this.
#define RK_EMULATOR_DYNAMIC_SHARED extern
extern "C" __attribute__((used, aligned(65536))) char rk_emulator_dynamic[256 * 1024];
char rk_emulator_dynamic[256 * 1024];

struct RkEmulatorIndex {
  unsigned x, y, z;
};
#define RK_EMULATOR_INDEX(name, member)                                                             \
  RK_UNCHECKED __attribute__((noinline, const)) static RkEmulatorIndex name() {                     \
    return {rk_emulator_table.member[0], rk_emulator_table.member[1], rk_emulator_table.member[2]}; \
  }
RK_EMULATOR_INDEX(rk_emulator_thread, thread)
RK_EMULATOR_INDEX(rk_emulator_block, block)
RK_EMULATOR_INDEX(rk_emulator_threads, threads)
RK_EMULATOR_INDEX(rk_emulator_blocks, blocks)
#define threadIdx rk_emulator_thread()
#define blockIdx rk_emulator_block()
#define blockDim rk_emulator_threads()
#define gridDim rk_emulator_blocks()
#define warpSize 32
#define __cluster_dims__(...) RK_EMULATOR_HAS_NO_CLUSTERS

struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) int2 {
  int x, y;
};
struct alignas(16) int4 {
  int x, y, z, w;
};

static inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
static inline int2 make_int2(int x, int y) { return {x, y}; }
static inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
static inline float2 make_float2(float x, float y) { return {x, y}; }
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

// ---- waiting for others
RK_UNCHECKED __attribute__((noinline)) static void rk_emulator_barrier(int line) {
  rk_emulator_table.barrier(rk_emulator_table.run, line);
}
#define __syncthreads() rk_emulator_barrier(__LINE__)
RK_UNCHECKED __attribute__((noinline)) static unsigned rk_emulator_exchange(const char* what, unsigned mask,
                                                                            const void* mine, unsigned bytes,
                                                                            void* all) {
  return rk_emulator_table.exchange(rk_emulator_table.run, what, mask, mine, bytes, all);
}
RK_UNCHECKED __attribute__((noinline, noreturn)) static void rk_emulator_fail(const char* what,
                                                                              const void* at,
                                                                              unsigned number) {
  rk_emulator_table.fail(rk_emulator_table.run, what, at, number);
  __builtin_unreachable();
}
RK_UNCHECKED __attribute__((noinline)) static void rk_emulator_touch(const void* at, unsigned bytes,
                                                                     int how) {
  rk_emulator_table.access(rk_emulator_table.run, at, bytes, how);
}
/// Vector accesses must be aligned to their size, which the host would not mind.
static __forceinline__ void rk_emulator_aligned(const void* at, unsigned bytes) {
  if ((unsigned long)at % bytes != 0) rk_emulator_fail("misaligned", at, bytes);
}
RK_UNCHECKED __attribute__((noinline)) static unsigned rk_emulator_lane() {
  const RkEmulatorTable& t = rk_emulator_table;
  return ((t.thread[2] * t.threads[1] + t.thread[1]) * t.threads[0] + t.thread[0]) % 32;
}

RK_UNCHECKED static inline void __syncwarp(unsigned mask = 0xffffffffu) {
  rk_emulator_exchange("__syncwarp", mask, &mask, 0, nullptr);
}
template <class T>
RK_UNCHECKED __attribute__((noinline)) static T rk_emulator_shuffle(const char* what, unsigned mask, T mine,
                                                                    unsigned from) {
  T all[32];
  const unsigned given = rk_emulator_exchange(what, mask, &mine, sizeof(T), all);
  if (!(given >> from & 1)) rk_emulator_fail(what, nullptr, from);
  return all[from];
}
template <class T> static inline T __shfl_sync(unsigned mask, T x, int lane, int width = 32) {
  const unsigned me = rk_emulator_lane();
  return rk_emulator_shuffle("__shfl_sync", mask, x, (me & ~(width - 1)) | (unsigned(lane) & (width - 1)));
}
template <class T> static inline T __shfl_xor_sync(unsigned mask, T x, int with, int width = 32) {
  const unsigned me = rk_emulator_lane(), from = me ^ unsigned(with);
  return rk_emulator_shuffle("__shfl_xor_sync", mask, x, from > (me | (width - 1)) ? me : from);
}
template <class T> static inline T __shfl_down_sync(unsigned mask, T x, unsigned by, int width = 32) {
  const unsigned me = rk_emulator_lane();
  return rk_emulator_shuffle("__shfl_down_sync", mask, x,
                             (me & (width - 1)) + by < unsigned(width) ? me + by : me);
}
template <class T> static inline T __shfl_up_sync(unsigned mask, T x, unsigned by, int width = 32) {
  const unsigned me = rk_emulator_lane();
  return rk_emulator_shuffle("__shfl_up_sync", mask, x, (me & (width - 1)) >= by ? me - by : me);
}
RK_UNCHECKED static inline unsigned __ballot_sync(unsigned mask, int holds) {
  int all[32];
  const unsigned given = rk_emulator_exchange("__ballot_sync", mask, &holds, 4, all);
  unsigned bits = 0;
  for (int i = 0; i < 32; ++i) bits |= (given >> i & 1) && all[i] ? 1u << i : 0;
  return bits;
}
static inline int __any_sync(unsigned mask, int holds) { return __ballot_sync(mask, holds) != 0; }
static inline int __all_sync(unsigned mask, int holds) { return __ballot_sync(mask, !holds) == 0; }
RK_UNCHECKED static inline unsigned __activemask() { rk_emulator_fail("__activemask", nullptr, 0); }
static inline void __threadfence() {}
static inline void __threadfence_block() {}

// ---- atomics: the threads of a block run one at a time, so an operation of one is never cut in two
#define RK_EMULATOR_ATOMIC(name, result)                                                             \
  template <class T, class U> RK_UNCHECKED __attribute__((noinline)) static T name(T* at, U given) { \
    rk_emulator_touch(at, sizeof(T), rk_emulator_atomic);                                            \
    const T old = *at, x = T(given);                                                                 \
    *at = result;                                                                                    \
    return old;                                                                                      \
  }
RK_EMULATOR_ATOMIC(atomicAdd, old + x)
RK_EMULATOR_ATOMIC(atomicSub, old - x)
RK_EMULATOR_ATOMIC(atomicMax, old > x ? old : x)
RK_EMULATOR_ATOMIC(atomicMin, old < x ? old : x)
RK_EMULATOR_ATOMIC(atomicAnd, old& x)
RK_EMULATOR_ATOMIC(atomicOr, old | x)
RK_EMULATOR_ATOMIC(atomicXor, old ^ x)
RK_EMULATOR_ATOMIC(atomicExch, x)
RK_EMULATOR_ATOMIC(atomicInc, old >= x ? T(0) : old + 1)
RK_EMULATOR_ATOMIC(atomicDec, old == 0 || old > x ? x : old - 1)
template <class T> RK_UNCHECKED __attribute__((noinline)) static T atomicCAS(T* at, T expected, T wanted) {
  rk_emulator_touch(at, sizeof(T), rk_emulator_atomic);
  const T old = *at;
  if (old == expected) *at = wanted;
  return old;
}
template <class T> static inline T __ldg(const T* at) { return *at; }
template <class T> static inline T __ldcg(const T* at) { return *at; }
template <class T> static inline T __ldcs(const T* at) { return *at; }
template <class T> static inline void __stcs(T* at, T x) { *at = x; }
template <class T> static inline void __stcg(T* at, T x) { *at = x; }

// ---- bits and arithmetic
#define RK_EMULATOR_BITS(name, To, From)   \
  static __forceinline__ To name(From x) { \
    To y;                                  \
    __builtin_memcpy(&y, &x, sizeof y);    \
    return y;                              \
  }
RK_EMULATOR_BITS(__int_as_float, float, int)
RK_EMULATOR_BITS(__uint_as_float, float, unsigned)
RK_EMULATOR_BITS(__float_as_int, int, float)
RK_EMULATOR_BITS(__float_as_uint, unsigned, float)
RK_EMULATOR_BITS(__longlong_as_double, double, long long)
RK_EMULATOR_BITS(__double_as_longlong, long long, double)
template <class T> static __forceinline__ T min(T a, T b) { return b < a ? b : a; }
template <class T> static __forceinline__ T max(T a, T b) { return a < b ? b : a; }
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(unsigned(x)); }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline unsigned __brev(unsigned x) {
  unsigned y = 0;
  for (int i = 0; i < 32; ++i) y |= (x >> i & 1) << (31 - i);
  return y;
}
static inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned((unsigned long long)a * b >> 32); }
static inline int __mulhi(int a, int b) { return int((long long)a * b >> 32); }
static inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned by) {
  return unsigned(((unsigned long long)high << 32 | low) << (by & 31) >> 32);
}
static inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned by) {
  return unsigned(((unsigned long long)high << 32 | low) >> (by & 31));
}
static inline unsigned __byte_perm(unsigned x, unsigned y, unsigned choice) {
  const unsigned long long both = (unsigned long long)y << 32 | x;
  unsigned result = 0;
  for (int i = 0; i < 4; ++i) {
    const unsigned which = choice >> 4 * i & 15, byte = both >> 8 * (which & 7) & 255;
    result |= (which & 8 ? (byte & 128 ? 255u : 0u) : byte) << 8 * i;
  }
  return result;
}
static inline int __dp4a(int a, int b, int sum) {
  for (int i = 0; i < 4; ++i) sum += int((signed char)(a >> 8 * i)) * int((signed char)(b >> 8 * i));
  return sum;
}
static inline unsigned __dp4a(unsigned a, unsigned b, unsigned sum) {
  for (int i = 0; i < 4; ++i) sum += (a >> 8 * i & 255) * (b >> 8 * i & 255);
  return sum;
}

// ---- mathematics, of the C library
extern "C" {
float fabsf(float), acosf(float), acoshf(float), asinf(float), asinhf(float), atanf(float), atanhf(float),
    ceilf(float), cosf(float), coshf(float), erff(float), erfcf(float), expf(float), exp2f(float),
    expm1f(float), floorf(float), logf(float), log2f(float), log1pf(float), rintf(float), roundf(float),
    sinf(float), sinhf(float), sqrtf(float), tanf(float), tanhf(float), truncf(float), cbrtf(float);
float powf(float, float), fmodf(float, float), fminf(float, float), fmaxf(float, float);
float copysignf(float, float), atan2f(float, float), fmaf(float, float, float);
double fabs(double), sqrt(double), exp(double), log(double), pow(double, double), fma(double, double, double);
}
static inline bool isinf(float x) { return __builtin_isinf(x); }
static inline bool isnan(float x) { return x != x; }
static inline float rsqrtf(float x) { return 1.f / sqrtf(x); }
static inline float __expf(float x) { return expf(x); }
static inline float __logf(float x) { return logf(x); }
static inline float __fdividef(float a, float b) { return a / b; }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fadd_rn(float a, float b) { return a + b; }
static inline float __fdiv_rn(float a, float b) { return a / b; }
static inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
static inline float __saturatef(float x) { return x > 0.f ? (x < 1.f ? x : 1.f) : 0.f; }
// Conversions hold at the ends of the range, and NaN becomes 0.
static inline int rk_emulator_to_int(float x) {
  return x != x ? 0 : x >= 2147483648.f ? 2147483647 : x <= -2147483648.f ? -2147483647 - 1 : int(x);
}
static inline int __float2int_rn(float x) { return rk_emulator_to_int(rintf(x)); }
static inline int __float2int_rz(float x) { return rk_emulator_to_int(truncf(x)); }
static inline int __float2int_rd(float x) { return rk_emulator_to_int(floorf(x)); }
static inline int __float2int_ru(float x) { return rk_emulator_to_int(ceilf(x)); }
static inline float __int2float_rn(int x) { return float(x); }

// ---- what -fsanitize=thread calls: before every access
#define RK_EMULATOR_HOOK extern "C" RK_UNCHECKED RK_HIDDEN __attribute__((used, noinline)) void
#define RK_EMULATOR_CHECK(at, bytes, how)                                                            \
  do {                                                                                               \
    if ((unsigned long)((const char*)(at)-rk_emulator_table.stack) >= rk_emulator_table.stack_bytes) \
      rk_emulator_table.access(rk_emulator_table.run, at, bytes, how);                               \
  } while (0)
#define RK_EMULATOR_HOOKS(bytes)                                                                             \
  RK_EMULATOR_HOOK __tsan_read##bytes(void* at) { RK_EMULATOR_CHECK(at, bytes, rk_emulator_read); }          \
  RK_EMULATOR_HOOK __tsan_write##bytes(void* at) { RK_EMULATOR_CHECK(at, bytes, rk_emulator_write); }        \
  RK_EMULATOR_HOOK __tsan_unaligned_read##bytes(void* at) {                                                  \
    RK_EMULATOR_CHECK(at, bytes, rk_emulator_read);                                                          \
  }                                                                                                          \
  RK_EMULATOR_HOOK __tsan_unaligned_write##bytes(void* at) {                                                 \
    RK_EMULATOR_CHECK(at, bytes, rk_emulator_write);                                                         \
  }                                                                                                          \
  RK_EMULATOR_HOOK __tsan_volatile_read##bytes(void* at) { RK_EMULATOR_CHECK(at, bytes, rk_emulator_read); } \
  RK_EMULATOR_HOOK __tsan_volatile_write##bytes(void* at) { RK_EMULATOR_CHECK(at, bytes, rk_emulator_write); }
RK_EMULATOR_HOOKS(1)
RK_EMULATOR_HOOKS(2)
RK_EMULATOR_HOOKS(4)
RK_EMULATOR_HOOKS(8)
RK_EMULATOR_HOOKS(16)
RK_EMULATOR_HOOK __tsan_read_range(void* at, unsigned long bytes) {
  RK_EMULATOR_CHECK(at, bytes, rk_emulator_read);
}
RK_EMULATOR_HOOK __tsan_write_range(void* at, unsigned long bytes) {
  RK_EMULATOR_CHECK(at, bytes, rk_emulator_write);
}
RK_EMULATOR_HOOK __tsan_func_entry(void*) {}
RK_EMULATOR_HOOK __tsan_func_exit() {}
RK_EMULATOR_HOOK __tsan_init() {}
// The compiler may make calls of these from copies and fills; they are not instrumented, so they do it here.
extern "C" RK_UNCHECKED RK_HIDDEN __attribute__((used, noinline)) void* memcpy(void* to, const void* from,
                                                                               unsigned long bytes) {
  RK_EMULATOR_CHECK(from, bytes, rk_emulator_read);
  RK_EMULATOR_CHECK(to, bytes, rk_emulator_write);
  for (unsigned long i = 0; i < bytes; ++i) {
    ((volatile char*)to)[i] = ((const volatile char*)from)[i];
  }
  return to;
}
extern "C" RK_UNCHECKED RK_HIDDEN __attribute__((used, noinline)) void* memset(void* to, int value,
                                                                               unsigned long bytes) {
  RK_EMULATOR_CHECK(to, bytes, rk_emulator_write);
  for (unsigned long i = 0; i < bytes; ++i) ((volatile char*)to)[i] = char(value);
  return to;
}
