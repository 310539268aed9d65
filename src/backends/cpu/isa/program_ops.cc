// Rows of elementwise programs: every formula of math/elementwise.def on Vec, and conversions of operands.
// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "backends/cpu/isa/kernels.h"
#include "backends/cpu/isa/vec_math.h"
#include "math/elementwise.h"

namespace rekindle::cpu::RK_ISA {

namespace {

enum class Operands { plain, scalar_first, scalar_second };

/// One vector of a formula; operands that stand still are already in `fixed`.
template <class T, Operands operands>
Vec apply(const T& op, const float* const* in, int64_t i, int64_t n, Vec fixed) {
  if constexpr (arity_of<T>() == 1) {
    return op.formula(load(in[0] + i, n));
  } else if constexpr (arity_of<T>() == 2) {
    if constexpr (operands == Operands::scalar_first)
      return op.formula(fixed, load(in[1] + i, n));
    else if constexpr (operands == Operands::scalar_second)
      return op.formula(load(in[0] + i, n), fixed);
    else
      return op.formula(load(in[0] + i, n), load(in[1] + i, n));
  } else {
    return op.formula(load(in[0] + i, n), load(in[1] + i, n), load(in[2] + i, n));
  }
}

template <class T, Operands operands>
void row(const void* op_address, const float* const* in, float* out, int64_t n) {
  const T op = *static_cast<const T*>(op_address);
  const Vec fixed(operands == Operands::scalar_first    ? *in[0]
                  : operands == Operands::scalar_second ? *in[1]
                                                        : 0.0f);
  int64_t i = 0;
  for (; i + Vec::width <= n; i += Vec::width)
    apply<T, operands>(op, in, i, Vec::width, fixed).store(out + i);
  if (i < n) store(apply<T, operands>(op, in, i, n - i, fixed), out + i, n - i);
}

/// Where formulas of integers alone stand in the table: null.
template <class T> RowKernels rows() {
  RowKernels r;
  if constexpr (domain_of<T>() != Domain::integer) {
    r.plain = row<T, Operands::plain>;
    if constexpr (arity_of<T>() == 2) {
      r.scalar_first = row<T, Operands::scalar_first>;
      r.scalar_second = row<T, Operands::scalar_second>;
    }
  }
  return r;
}

struct AddClipFormula {
  AddClip bounds;
  template <class T> T formula(T a, T b) const {
    return at_most(at_least(a + b, T(bounds.low)), T(bounds.high));
  }
};
struct MultiplyAddFormula {
  template <class T> T formula(T a, T b, T c) const { return fma(a, b, c); }
};
template <Operands operands>
void add_clip_row(const void* op_address, const float* const* in, float* out, int64_t n) {
  const AddClipFormula op{*static_cast<const AddClip*>(op_address)};
  row<AddClipFormula, operands>(&op, in, out, n);
}
void multiply_add_row(const void*, const float* const* in, float* out, int64_t n) {
  const MultiplyAddFormula op;
  row<MultiplyAddFormula, Operands::plain>(&op, in, out, n);
}

// ---- conversions. One lane form each; the vector form where the type has one.

[[maybe_unused]] float f16_value(uint16_t bits) {
  const uint32_t sign = uint32_t(bits & 0x8000) << 16, exponent = (bits >> 10) & 31, mantissa = bits & 0x3ff;
  uint32_t u = sign | ((exponent + 112) << 23) | (mantissa << 13);
  if (exponent == 31) u = sign | 0x7f800000 | (mantissa << 13);
  float value;
  memcpy(&value, &u, 4);
  if (exponent == 0) value = sign ? -float(mantissa) * 0x1p-24f : float(mantissa) * 0x1p-24f;
  return value;
}
[[maybe_unused]] uint16_t f16_bits(float f) {
  uint32_t u;
  memcpy(&u, &f, 4);
  const uint32_t sign = (u >> 16) & 0x8000, a = u & 0x7fffffff;
  if (a > 0x7f800000) return uint16_t(sign | 0x7e00 | ((a >> 13) & 0x3ff));
  if (a >= 0x477ff000) return uint16_t(sign | 0x7c00);  // rounds to 65536 or more
  if (a >= 0x38800000) return uint16_t(sign | ((a - 0x38000000 + 0xfff + ((a >> 13) & 1)) >> 13));
  float shifted;  // subnormal: adding 0.5 puts the rounded result into the low mantissa bits
  memcpy(&shifted, &a, 4);
  shifted += 0.5f;
  memcpy(&u, &shifted, 4);
  return uint16_t(sign | (u - 0x3f000000));
}
uint16_t bf16_bits(float f) {
  uint32_t u;
  memcpy(&u, &f, 4);
  return f != f ? uint16_t((u >> 16) | 0x40) : uint16_t((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}

struct F16 {
  uint16_t bits;
};
struct Bf16 {
  uint16_t bits;
};
struct Boolean {
  uint8_t byte;
};

template <class S> float widened(S s) {
  if constexpr (__is_same(S, F16)) {
#ifdef RK_VEC_F16
    return _cvtsh_ss(s.bits);
#else
    return f16_value(s.bits);
#endif
  } else if constexpr (__is_same(S, Bf16)) {
    const uint32_t u = uint32_t(s.bits) << 16;
    float value;
    memcpy(&value, &u, 4);
    return value;
  } else if constexpr (__is_same(S, Boolean)) {
    return s.byte != 0 ? 1.0f : 0.0f;
  } else {
    return float(s);
  }
}
/// Vector form; false where there is none.
template <class S> bool widened(const S* s, Vec& x) {
  if constexpr (__is_same(S, float))
    x = Vec::load(s);
  else if constexpr (__is_same(S, uint8_t))
    x = widen_u8(s);
  else if constexpr (__is_same(S, int8_t))
    x = widen_i8(s);
  else if constexpr (__is_same(S, int32_t))
    x = to_float(Ints::load(s));
  else if constexpr (__is_same(S, Bf16))
    x = widen_bf16(&s->bits);
#ifdef RK_VEC_F16
  else if constexpr (__is_same(S, F16))
    x = widen_f16(&s->bits);
#endif
  else
    return false;
  return true;
}
template <class S> void widen(const void* from, int64_t stride, float* to, int64_t n) {
  const S* s = static_cast<const S*>(from);
  int64_t i = 0;
  if (stride == 1) {
    Vec x;
    for (; i + Vec::width <= n && widened(s + i, x); i += Vec::width) x.store(to + i);
    for (; i < n; ++i) to[i] = widened(s[i]);
  } else {
    for (; i < n; ++i) to[i] = widened(s[i * stride]);
  }
}

/// The low bits of the 32-bit integer towards zero; 0 for NaN and what does not fit, whose low bits are 0.
int32_t whole(float f) { return _mm_cvttss_si32(_mm_set_ss(f)); }

template <class S> S narrowed(float f) {
  if constexpr (__is_same(S, float))
    return f;
  else if constexpr (__is_same(S, F16))
    return F16{f16_bits(f)};
  else if constexpr (__is_same(S, Bf16))
    return Bf16{bf16_bits(f)};
  else if constexpr (__is_same(S, Boolean))
    return Boolean{uint8_t(f != 0.0f)};
  else if constexpr (sizeof(S) < 4)
    return S(whole(f));
  else if constexpr (__is_same(S, int32_t))
    return f != f ? 0 : f >= 0x1p31f ? INT32_MAX : whole(f);
  else if constexpr (__is_same(S, uint32_t))
    return f >= 0x1p32f ? UINT32_MAX : f > 0.0f ? uint32_t(f) : 0;
  else if constexpr (__is_same(S, int64_t))
    return f != f ? 0 : f >= 0x1p63f ? INT64_MAX : f < -0x1p63f ? INT64_MIN : int64_t(f);
  else if constexpr (__is_same(S, uint64_t))
    return f >= 0x1p64f ? UINT64_MAX : f > 0.0f ? uint64_t(f) : 0;
  else
    return S(f);
}
#if defined(__AVX512F__)
/// To the nearest BF16, ties to even; NaN stays one.
void narrow_bf16(Vec x, uint16_t* p) {
  const __m512i bits = _mm512_castps_si512(x.v), high = _mm512_srli_epi32(bits, 16);
  const __m512i odd = _mm512_and_si512(high, _mm512_set1_epi32(1));
  const __m512i up = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  const __m512i quiet = _mm512_or_si512(high, _mm512_set1_epi32(0x40));
  const __m512i half = _mm512_mask_blend_epi32(isnan(x).m, _mm512_srli_epi32(up, 16), quiet);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(half));
}
#endif

template <class S> void narrow(const float* from, void* to, int64_t stride, int64_t n) {
  S* s = static_cast<S*>(to);
  int64_t i = 0;
  if (stride == 1) {
    if constexpr (__is_same(S, float)) {
      if (to != from) memcpy(to, from, size_t(n) * sizeof(float));
      return;
    }
#ifdef RK_VEC_F16
    if constexpr (__is_same(S, F16))
      for (; i + Vec::width <= n; i += Vec::width) narrow_f16(Vec::load(from + i), &s[i].bits);
#endif
#if defined(__AVX512F__)
    if constexpr (__is_same(S, Bf16))
      for (; i + Vec::width <= n; i += Vec::width) narrow_bf16(Vec::load(from + i), &s[i].bits);
#endif
    for (; i < n; ++i) s[i] = narrowed<S>(from[i]);
  } else {
    for (; i < n; ++i) s[i * stride] = narrowed<S>(from[i]);
  }
}

template <class S> void add_conversions(ProgramKernels& k, DType t) {
  k.widen[int(t)] = widen<S>;
  k.narrow[int(t)] = narrow<S>;
}

ProgramKernels make() {
  static const RowKernels formulas[] = {
#define RK_ELEMENTWISE(Struct) rows<ops::Struct>(),
#include "math/elementwise.def"
#undef RK_ELEMENTWISE
  };
  ProgramKernels k;
  k.formulas = formulas;
  k.add_clip = {add_clip_row<Operands::plain>, add_clip_row<Operands::scalar_first>,
                add_clip_row<Operands::scalar_second>};
  k.multiply_add = multiply_add_row;
  add_conversions<float>(k, DType::f32);
  add_conversions<double>(k, DType::f64);
  add_conversions<F16>(k, DType::f16);
  add_conversions<Bf16>(k, DType::bf16);
  add_conversions<Boolean>(k, DType::boolean);
  add_conversions<int8_t>(k, DType::i8);
  add_conversions<int16_t>(k, DType::i16);
  add_conversions<int32_t>(k, DType::i32);
  add_conversions<int64_t>(k, DType::i64);
  add_conversions<uint8_t>(k, DType::u8);
  add_conversions<uint16_t>(k, DType::u16);
  add_conversions<uint32_t>(k, DType::u32);
  add_conversions<uint64_t>(k, DType::u64);
  return k;
}

}  // namespace

const ProgramKernels& program_kernels() {
  static const ProgramKernels kernels = make();
  return kernels;
}

}  // namespace rekindle::cpu::RK_ISA
