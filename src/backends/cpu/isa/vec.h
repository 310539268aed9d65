// Vec: as many floats as one register holds, with the operators and functions that formulas use. Compiled
// once for each instruction set, in a namespace of that name, so that code for different levels never mixes.
// SPDX-License-Identifier: Apache-2.0
//
// Files that are compiled for several levels include only this, plain C headers and headers without inline
// functions of general use: an inline function compiled here with wide instructions could otherwise be the
// copy the linker keeps.
#pragma once
#include <cstdint>

#if defined(__AVX512F__)
#include "backends/cpu/isa/vec_avx512.h"  // IWYU pragma: export
#elif defined(__AVX2__)
#include "backends/cpu/isa/vec_avx2.h"  // IWYU pragma: export
#else
#include "backends/cpu/isa/vec_baseline.h"  // IWYU pragma: export
#endif

namespace rekindle::cpu::RK_ISA {

static inline Vec operator+(Vec a, Vec b) { return Vec(a.v + b.v); }
static inline Vec operator-(Vec a, Vec b) { return Vec(a.v - b.v); }
static inline Vec operator*(Vec a, Vec b) { return Vec(a.v * b.v); }
static inline Vec operator/(Vec a, Vec b) { return Vec(a.v / b.v); }
static inline Vec operator-(Vec a) { return Vec(-a.v); }
static inline Vec divide(Vec a, Vec b) { return a / b; }

static inline Ints operator+(Ints a, Ints b) { return Ints(IntRegister(Int32s(a.v) + Int32s(b.v))); }
static inline Ints operator-(Ints a, Ints b) { return Ints(IntRegister(Int32s(a.v) - Int32s(b.v))); }
static inline Ints operator&(Ints a, Ints b) { return Ints(IntRegister(Int32s(a.v) & Int32s(b.v))); }
static inline Ints operator|(Ints a, Ints b) { return Ints(IntRegister(Int32s(a.v) | Int32s(b.v))); }
static inline Ints operator^(Ints a, Ints b) { return Ints(IntRegister(Int32s(a.v) ^ Int32s(b.v))); }
template <int bits> static inline Ints shift_left(Ints a) { return Ints(IntRegister(Int32s(a.v) << bits)); }
/// Arithmetic: the sign is copied in.
template <int bits> static inline Ints shift_right(Ints a) { return Ints(IntRegister(Int32s(a.v) >> bits)); }

/// The first 0 <= n <= Vec::width lanes in memory and zeros.
static inline Vec load(const float* p, int64_t n) {
  return n == Vec::width ? Vec::load(p) : Vec::load_part(p, int(n));
}
static inline void store(Vec x, float* p, int64_t n) {
  if (n == Vec::width)
    x.store(p);
  else
    x.store_part(p, int(n));
}

static inline Mask isnan(Vec x) { return x != x; }
static inline Vec sign_bit(Vec x) { return from_bits(to_bits(x) & Ints(INT32_MIN)); }
static inline Vec abs(Vec x) { return from_bits(to_bits(x) & Ints(INT32_MAX)); }
/// The size of `x`, which is not negative, with the sign of `sign`.
static inline Vec with_sign_of(Vec x, Vec sign) { return from_bits(to_bits(x) | to_bits(sign_bit(sign))); }
static inline Mask isinf(Vec x) { return abs(x) == Vec(__builtin_inff()); }

/// NaN spreads from either side, and of two equal values the first is taken, as in math/scalar.h. The
/// instruction gives its second operand when either is NaN or both are equal.
static inline Vec min(Vec a, Vec b) { return select(isnan(b), b, second_unless_less(b, a)); }
static inline Vec max(Vec a, Vec b) { return select(isnan(b), b, second_unless_greater(b, a)); }
/// For a bound that is no NaN: x where it is NaN.
static inline Vec at_most(Vec x, Vec bound) { return second_unless_less(bound, x); }
static inline Vec at_least(Vec x, Vec bound) { return second_unless_greater(bound, x); }

static inline Vec floor(Vec x) { return rounded<kDown>(x); }
static inline Vec ceil(Vec x) { return rounded<kUp>(x); }
static inline Vec trunc(Vec x) { return rounded<kToZero>(x); }
static inline Vec round_even(Vec x) { return rounded<kToEven>(x); }

}  // namespace rekindle::cpu::RK_ISA
