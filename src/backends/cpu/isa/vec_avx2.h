// The registers of AVX2 with FMA for vec.h: 8 floats, masks as wide as the floats.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <immintrin.h>

#include <cstdint>

namespace rekindle::cpu::RK_ISA {

using IntRegister = __m256i;
typedef int32_t Int32s __attribute__((vector_size(32)));

struct Vec {
  static constexpr int width = 8;
  __m256 v;
  Vec() = default;
  explicit Vec(__m256 x) : v(x) {}
  explicit Vec(float x) : v(_mm256_set1_ps(x)) {}
  static Vec load(const float* p) { return Vec(_mm256_loadu_ps(p)); }
  void store(float* p) const { _mm256_storeu_ps(p, v); }
  static __m256i first(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  static Vec load_part(const float* p, int n) { return Vec(_mm256_maskload_ps(p, first(n))); }
  void store_part(float* p, int n) const { _mm256_maskstore_ps(p, first(n), v); }
};
struct Ints {
  IntRegister v;
  explicit Ints(IntRegister x) : v(x) {}
  explicit Ints(int32_t x) : v(_mm256_set1_epi32(x)) {}
  static Ints load(const int32_t* p) { return Ints(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
};
struct Mask {
  __m256 m;
};
static inline Mask operator&(Mask a, Mask b) { return {_mm256_and_ps(a.m, b.m)}; }
static inline Mask operator|(Mask a, Mask b) { return {_mm256_or_ps(a.m, b.m)}; }
static inline Mask operator!(Mask a) {
  return {_mm256_xor_ps(a.m, _mm256_castsi256_ps(_mm256_set1_epi32(-1)))};
}
static inline bool any(Mask a) { return _mm256_movemask_ps(a.m) != 0; }
static inline Vec select(Mask c, Vec yes, Vec no) { return Vec(_mm256_blendv_ps(no.v, yes.v, c.m)); }
static inline Mask operator<(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)}; }
static inline Mask operator<=(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LE_OQ)}; }
static inline Mask operator>(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_GT_OQ)}; }
static inline Mask operator>=(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_GE_OQ)}; }
static inline Mask operator==(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_EQ_OQ)}; }
static inline Mask operator!=(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_NEQ_UQ)}; }

static inline Ints to_bits(Vec x) { return Ints(_mm256_castps_si256(x.v)); }
static inline Vec from_bits(Ints x) { return Vec(_mm256_castsi256_ps(x.v)); }
static inline Ints nearest_int(Vec x) { return Ints(_mm256_cvtps_epi32(x.v)); }
/// Towards zero; INT32_MIN for NaN and what does not fit.
static inline Ints whole_part(Vec x) { return Ints(_mm256_cvttps_epi32(x.v)); }
static inline Vec to_float(Ints x) { return Vec(_mm256_cvtepi32_ps(x.v)); }
static inline Mask equal(Ints a, Ints b) { return {_mm256_castsi256_ps(_mm256_cmpeq_epi32(a.v, b.v))}; }

static inline Vec fma(Vec a, Vec b, Vec c) { return Vec(_mm256_fmadd_ps(a.v, b.v, c.v)); }
static inline Vec sqrt(Vec x) { return Vec(_mm256_sqrt_ps(x.v)); }
static inline Vec second_unless_less(Vec a, Vec b) { return Vec(_mm256_min_ps(a.v, b.v)); }
static inline Vec second_unless_greater(Vec a, Vec b) { return Vec(_mm256_max_ps(a.v, b.v)); }
inline constexpr int kToEven = _MM_FROUND_TO_NEAREST_INT, kDown = _MM_FROUND_TO_NEG_INF,
                     kUp = _MM_FROUND_TO_POS_INF, kToZero = _MM_FROUND_TO_ZERO;
template <int mode> static inline Vec rounded(Vec x) {
  return Vec(_mm256_round_ps(x.v, mode | _MM_FROUND_NO_EXC));
}
static inline float sum(Vec x) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(x.v), _mm256_extractf128_ps(x.v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
}
static inline float largest(Vec x) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(x.v), _mm256_extractf128_ps(x.v, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_shuffle_ps(s, s, 1)));
}
static inline float least(Vec x) {
  __m128 s = _mm_min_ps(_mm256_castps256_ps128(x.v), _mm256_extractf128_ps(x.v, 1));
  s = _mm_min_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_min_ss(s, _mm_shuffle_ps(s, s, 1)));
}

static inline Vec widen_u8(const uint8_t* p) {
  return to_float(Ints(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)))));
}
static inline Vec widen_i8(const int8_t* p) {
  return to_float(Ints(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)))));
}
static inline Vec widen_bf16(const uint16_t* p) {
  const __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return Vec(_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16)));
}
#define RK_VEC_F16 1  // there are instructions for IEEE half precision
static inline Vec widen_f16(const uint16_t* p) {
  return Vec(_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
static inline void narrow_f16(Vec x, uint16_t* p) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(x.v, _MM_FROUND_TO_NEAREST_INT));
}

}  // namespace rekindle::cpu::RK_ISA
