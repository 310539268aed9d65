// Elementwise ops: arithmetic, rounding, powers, trigonometry, bits.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/expr.h"
#include "math/op_struct.h"
#include "math/scalar.h"

namespace rekindle::ops {

/// fmod(), under a name that a struct with a member `fmod` does not hide.
template <class T> T remainder_like_c(T a, T b) { return fmod(a, b); }

struct Add {
  static constexpr auto name = "add";
  static constexpr auto domain = Domain::numeric;
  static constexpr bool commutes = true;
  template <class T> T formula(T a, T b) const { return a + b; }
};
struct Sub {
  static constexpr auto name = "sub";
  static constexpr auto domain = Domain::numeric;
  template <class T> T formula(T a, T b) const { return a - b; }
};
struct Mul {
  static constexpr auto name = "mul";
  static constexpr auto domain = Domain::numeric;
  static constexpr bool commutes = true;
  template <class T> T formula(T a, T b) const { return a * b; }
};
/// Integers truncate towards 0; an integer 0 divisor gives 0.
struct Div {
  static constexpr auto name = "div";
  static constexpr auto domain = Domain::numeric;
  template <class T> T formula(T a, T b) const { return divide(a, b); }
};
/// The remainder has the divisor's sign as in Python, or the dividend's as in C when `fmod`.
struct Mod {
  bool fmod = false;
  static constexpr auto name = "mod";
  static constexpr auto domain = Domain::numeric;
  static constexpr auto fields = rekindle::fields("fmod", &Mod::fmod);
  template <class T> T formula(T a, T b) const {
    const T r = remainder_like_c(a, b);
    if (fmod) return r;
    return select(b < T(0), select(r > T(0), r + b, r), select(r < T(0), r + b, r));
  }
};
struct Pow {
  static constexpr auto name = "pow";
  static constexpr auto domain = Domain::numeric;
  template <class T> T formula(T a, T b) const { return pow(a, b); }
};
struct Min {
  static constexpr auto name = "min";
  static constexpr auto domain = Domain::numeric;
  static constexpr bool commutes = true;
  template <class T> T formula(T a, T b) const { return min(a, b); }
};
struct Max {
  static constexpr auto name = "max";
  static constexpr auto domain = Domain::numeric;
  static constexpr bool commutes = true;
  template <class T> T formula(T a, T b) const { return max(a, b); }
};
struct Abs {
  static constexpr auto name = "abs";
  static constexpr auto domain = Domain::numeric;
  template <class T> T formula(T x) const { return abs(x); }
};
struct Neg {
  static constexpr auto name = "neg";
  static constexpr auto domain = Domain::numeric;
  template <class T> T formula(T x) const { return -x; }
};
/// -1, 0 or 1; NaN stays.
struct Sign {
  static constexpr auto name = "sign";
  static constexpr auto domain = Domain::numeric;
  template <class T> T formula(T x) const { return select(x > T(0), T(1), select(x < T(0), T(-1), x)); }
};
struct Square {
  static constexpr auto name = "square";
  static constexpr auto domain = Domain::numeric;
  template <class T> T formula(T x) const { return x * x; }
};
struct Sqrt {
  static constexpr auto name = "sqrt";
  template <class T> T formula(T x) const { return sqrt(x); }
};
struct Reciprocal {
  static constexpr auto name = "reciprocal";
  template <class T> T formula(T x) const { return T(1) / x; }
};
struct Ceil {
  static constexpr auto name = "ceil";
  template <class T> T formula(T x) const { return ceil(x); }
};
struct Floor {
  static constexpr auto name = "floor";
  template <class T> T formula(T x) const { return floor(x); }
};
/// Halves go to the even neighbour.
struct Round {
  static constexpr auto name = "round";
  template <class T> T formula(T x) const { return round_even(x); }
};
struct Trunc {
  static constexpr auto name = "trunc";
  template <class T> T formula(T x) const { return trunc(x); }
};
struct Exp {
  static constexpr auto name = "exp";
  template <class T> T formula(T x) const { return exp(x); }
};
struct Log {
  static constexpr auto name = "log";
  template <class T> T formula(T x) const { return log(x); }
};
struct Erf {
  static constexpr auto name = "erf";
  template <class T> T formula(T x) const { return erf(x); }
};
struct Sin {
  static constexpr auto name = "sin";
  template <class T> T formula(T x) const { return sin(x); }
};
struct Cos {
  static constexpr auto name = "cos";
  template <class T> T formula(T x) const { return cos(x); }
};
struct Tan {
  static constexpr auto name = "tan";
  template <class T> T formula(T x) const { return tan(x); }
};
struct Asin {
  static constexpr auto name = "asin";
  template <class T> T formula(T x) const { return asin(x); }
};
struct Acos {
  static constexpr auto name = "acos";
  template <class T> T formula(T x) const { return acos(x); }
};
struct Atan {
  static constexpr auto name = "atan";
  template <class T> T formula(T x) const { return atan(x); }
};
struct Sinh {
  static constexpr auto name = "sinh";
  template <class T> T formula(T x) const { return sinh(x); }
};
struct Cosh {
  static constexpr auto name = "cosh";
  template <class T> T formula(T x) const { return cosh(x); }
};
struct Tanh {
  static constexpr auto name = "tanh";
  template <class T> T formula(T x) const { return tanh(x); }
};
struct Asinh {
  static constexpr auto name = "asinh";
  template <class T> T formula(T x) const { return asinh(x); }
};
struct Acosh {
  static constexpr auto name = "acosh";
  template <class T> T formula(T x) const { return acosh(x); }
};
struct Atanh {
  static constexpr auto name = "atanh";
  template <class T> T formula(T x) const { return atanh(x); }
};
struct BitAnd {
  static constexpr auto name = "bit_and";
  static constexpr auto domain = Domain::integer;
  static constexpr bool commutes = true;
  template <class T> T formula(T a, T b) const { return bits_and(a, b); }
};
struct BitOr {
  static constexpr auto name = "bit_or";
  static constexpr auto domain = Domain::integer;
  static constexpr bool commutes = true;
  template <class T> T formula(T a, T b) const { return bits_or(a, b); }
};
struct BitXor {
  static constexpr auto name = "bit_xor";
  static constexpr auto domain = Domain::integer;
  static constexpr bool commutes = true;
  template <class T> T formula(T a, T b) const { return bits_xor(a, b); }
};
struct BitNot {
  static constexpr auto name = "bit_not";
  static constexpr auto domain = Domain::integer;
  template <class T> T formula(T x) const { return bits_not(x); }
};
/// For unsigned types; bits shifted out are lost, a count beyond the width gives 0.
struct BitShift {
  bool left = true;
  static constexpr auto name = "bit_shift";
  static constexpr auto domain = Domain::integer;
  static constexpr auto fields = rekindle::fields("left", &BitShift::left);
  template <class T> T formula(T a, T b) const { return left ? shift_left(a, b) : shift_right(a, b); }
};

}  // namespace rekindle::ops
