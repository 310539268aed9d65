// The registers of AVX-512 for vec.h: 16 floats, masks of one bit a lane.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#if defined(__GNUC__) && !defined(__clang__)
// Its own header makes "undefined" operands by reading an uninitialised variable (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>

#include <cstdint>

namespace rekindle::cpu::RK_ISA {

using IntRegister = __m512i;
typedef int32_t Int32s __attribute__((vector_size(64)));

struct Vec {
  static constexpr int width = 16;
  __m512 v;
  Vec() = default;
  explicit Vec(__m512 x) : v(x) {}
  explicit Vec(float x) : v(_mm512_set1_ps(x)) {}
  static Vec load(const float* p) { return Vec(_mm512_loadu_ps(p)); }
  void store(float* p) const { _mm512_storeu_ps(p, v); }
  static __mmask16 first(int n) { return __mmask16((1u << n) - 1); }
  static Vec load_part(const float* p, int n) { return Vec(_mm512_maskz_loadu_ps(first(n), p)); }
  void store_part(float* p, int n) const { _mm512_mask_storeu_ps(p, first(n), v); }
};
struct Ints {
  IntRegister v;
  explicit Ints(IntRegister x) : v(x) {}
  explicit Ints(int32_t x) : v(_mm512_set1_epi32(x)) {}
  static Ints load(const int32_t* p) { return Ints(_mm512_loadu_si512(p)); }
};
struct Mask {
  __mmask16 m;
};
static inline Mask operator&(Mask a, Mask b) { return {__mmask16(a.m & b.m)}; }
static inline Mask operator|(Mask a, Mask b) { return {__mmask16(a.m | b.m)}; }
static inline Mask operator!(Mask a) { return {__mmask16(~a.m)}; }
static inline bool any(Mask a) { return a.m != 0; }
static inline Vec select(Mask c, Vec yes, Vec no) { return Vec(_mm512_mask_blend_ps(c.m, no.v, yes.v)); }
static inline Mask operator<(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
static inline Mask operator<=(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LE_OQ)}; }
static inline Mask operator>(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_GT_OQ)}; }
static inline Mask operator>=(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_GE_OQ)}; }
static inline Mask operator==(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ)}; }
static inline Mask operator!=(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_NEQ_UQ)}; }

static inline Ints to_bits(Vec x) { return Ints(_mm512_castps_si512(x.v)); }
static inline Vec from_bits(Ints x) { return Vec(_mm512_castsi512_ps(x.v)); }
static inline Ints nearest_int(Vec x) { return Ints(_mm512_cvtps_epi32(x.v)); }
/// Towards zero; INT32_MIN for NaN and what does not fit.
static inline Ints whole_part(Vec x) { return Ints(_mm512_cvttps_epi32(x.v)); }
static inline Vec to_float(Ints x) { return Vec(_mm512_cvtepi32_ps(x.v)); }
static inline Mask equal(Ints a, Ints b) { return {_mm512_cmpeq_epi32_mask(a.v, b.v)}; }

static inline Vec fma(Vec a, Vec b, Vec c) { return Vec(_mm512_fmadd_ps(a.v, b.v, c.v)); }
static inline Vec sqrt(Vec x) { return Vec(_mm512_sqrt_ps(x.v)); }
static inline Vec second_unless_less(Vec a, Vec b) { return Vec(_mm512_min_ps(a.v, b.v)); }
static inline Vec second_unless_greater(Vec a, Vec b) { return Vec(_mm512_max_ps(a.v, b.v)); }
inline constexpr int kToEven = _MM_FROUND_TO_NEAREST_INT, kDown = _MM_FROUND_TO_NEG_INF,
                     kUp = _MM_FROUND_TO_POS_INF, kToZero = _MM_FROUND_TO_ZERO;
template <int mode> static inline Vec rounded(Vec x) {
  return Vec(_mm512_roundscale_ps(x.v, mode | _MM_FROUND_NO_EXC));
}
static inline float sum(Vec x) { return _mm512_reduce_add_ps(x.v); }
static inline float largest(Vec x) { return _mm512_reduce_max_ps(x.v); }
static inline float least(Vec x) { return _mm512_reduce_min_ps(x.v); }

static inline Vec widen_u8(const uint8_t* p) {
  return to_float(Ints(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))));
}
static inline Vec widen_i8(const int8_t* p) {
  return to_float(Ints(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))));
}
static inline Vec widen_bf16(const uint16_t* p) {
  const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return Vec(_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16)));
}
#define RK_VEC_F16 1  // there are instructions for IEEE half precision
static inline Vec widen_f16(const uint16_t* p) {
  return Vec(_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))));
}
static inline void narrow_f16(Vec x, uint16_t* p) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(x.v, _MM_FROUND_TO_NEAREST_INT));
}

}  // namespace rekindle::cpu::RK_ISA
