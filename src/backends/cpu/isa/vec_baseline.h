// The registers of SSE4.2 for vec.h: 4 floats; no fused multiply-add, so fma() rounds twice.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <smmintrin.h>

#include <cstdint>

namespace rekindle::cpu::RK_ISA {

using IntRegister = __m128i;
typedef int32_t Int32s __attribute__((vector_size(16)));

struct Vec {
  static constexpr int width = 4;
  __m128 v;
  Vec() = default;
  explicit Vec(__m128 x) : v(x) {}
  explicit Vec(float x) : v(_mm_set1_ps(x)) {}
  static Vec load(const float* p) { return Vec(_mm_loadu_ps(p)); }
  void store(float* p) const { _mm_storeu_ps(p, v); }
  static Vec load_part(const float* p, int n) {
    alignas(16) float lanes[4] = {};
    for (int i = 0; i < n; ++i) lanes[i] = p[i];
    return load(lanes);
  }
  void store_part(float* p, int n) const {
    alignas(16) float lanes[4];
    store(lanes);
    for (int i = 0; i < n; ++i) p[i] = lanes[i];
  }
};
struct Ints {
  IntRegister v;
  explicit Ints(IntRegister x) : v(x) {}
  explicit Ints(int32_t x) : v(_mm_set1_epi32(x)) {}
  static Ints load(const int32_t* p) { return Ints(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
};
struct Mask {
  __m128 m;
};
static inline Mask operator&(Mask a, Mask b) { return {_mm_and_ps(a.m, b.m)}; }
static inline Mask operator|(Mask a, Mask b) { return {_mm_or_ps(a.m, b.m)}; }
static inline Mask operator!(Mask a) { return {_mm_xor_ps(a.m, _mm_castsi128_ps(_mm_set1_epi32(-1)))}; }
static inline bool any(Mask a) { return _mm_movemask_ps(a.m) != 0; }
static inline Vec select(Mask c, Vec yes, Vec no) { return Vec(_mm_blendv_ps(no.v, yes.v, c.m)); }
static inline Mask operator<(Vec a, Vec b) { return {_mm_cmplt_ps(a.v, b.v)}; }
static inline Mask operator<=(Vec a, Vec b) { return {_mm_cmple_ps(a.v, b.v)}; }
static inline Mask operator>(Vec a, Vec b) { return {_mm_cmplt_ps(b.v, a.v)}; }
static inline Mask operator>=(Vec a, Vec b) { return {_mm_cmple_ps(b.v, a.v)}; }
static inline Mask operator==(Vec a, Vec b) { return {_mm_cmpeq_ps(a.v, b.v)}; }
static inline Mask operator!=(Vec a, Vec b) { return {_mm_cmpneq_ps(a.v, b.v)}; }

static inline Ints to_bits(Vec x) { return Ints(_mm_castps_si128(x.v)); }
static inline Vec from_bits(Ints x) { return Vec(_mm_castsi128_ps(x.v)); }
static inline Ints nearest_int(Vec x) { return Ints(_mm_cvtps_epi32(x.v)); }
/// Towards zero; INT32_MIN for NaN and what does not fit.
static inline Ints whole_part(Vec x) { return Ints(_mm_cvttps_epi32(x.v)); }
static inline Vec to_float(Ints x) { return Vec(_mm_cvtepi32_ps(x.v)); }
static inline Mask equal(Ints a, Ints b) { return {_mm_castsi128_ps(_mm_cmpeq_epi32(a.v, b.v))}; }

static inline Vec fma(Vec a, Vec b, Vec c) { return Vec(a.v * b.v + c.v); }
static inline Vec sqrt(Vec x) { return Vec(_mm_sqrt_ps(x.v)); }
static inline Vec second_unless_less(Vec a, Vec b) { return Vec(_mm_min_ps(a.v, b.v)); }
static inline Vec second_unless_greater(Vec a, Vec b) { return Vec(_mm_max_ps(a.v, b.v)); }
inline constexpr int kToEven = _MM_FROUND_TO_NEAREST_INT, kDown = _MM_FROUND_TO_NEG_INF,
                     kUp = _MM_FROUND_TO_POS_INF, kToZero = _MM_FROUND_TO_ZERO;
template <int mode> static inline Vec rounded(Vec x) {
  return Vec(_mm_round_ps(x.v, mode | _MM_FROUND_NO_EXC));
}
static inline float sum(Vec x) {
  const __m128 s = _mm_add_ps(x.v, _mm_movehl_ps(x.v, x.v));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
}
static inline float largest(Vec x) {
  const __m128 s = _mm_max_ps(x.v, _mm_movehl_ps(x.v, x.v));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_shuffle_ps(s, s, 1)));
}
static inline float least(Vec x) {
  const __m128 s = _mm_min_ps(x.v, _mm_movehl_ps(x.v, x.v));
  return _mm_cvtss_f32(_mm_min_ss(s, _mm_shuffle_ps(s, s, 1)));
}

static inline Vec widen_u8(const uint8_t* p) {
  int32_t four;
  __builtin_memcpy(&four, p, 4);
  return to_float(Ints(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(four))));
}
static inline Vec widen_i8(const int8_t* p) {
  int32_t four;
  __builtin_memcpy(&four, p, 4);
  return to_float(Ints(_mm_cvtepi8_epi32(_mm_cvtsi32_si128(four))));
}
static inline Vec widen_bf16(const uint16_t* p) {
  const __m128i half = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  return Vec(_mm_castsi128_ps(_mm_slli_epi32(_mm_cvtepu16_epi32(half), 16)));
}

}  // namespace rekindle::cpu::RK_ISA
