// The functions formulas call, for plain C++ numbers. NaN spreads through min and max, as ONNX wants.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cmath>
#include <concepts>
#include <limits>
#include <type_traits>

namespace rekindle {

#define RK_FLOAT_FUNCTION(f)                   \
  template <class T>                           \
  requires std::is_arithmetic_v<T> T f(T x) {  \
    if constexpr (std::is_floating_point_v<T>) \
      return std::f(x);                        \
    else                                       \
      return T(std::f(double(x)));             \
  }
RK_FLOAT_FUNCTION(acos)
RK_FLOAT_FUNCTION(acosh)
RK_FLOAT_FUNCTION(asin)
RK_FLOAT_FUNCTION(asinh)
RK_FLOAT_FUNCTION(atan)
RK_FLOAT_FUNCTION(atanh)
RK_FLOAT_FUNCTION(cos)
RK_FLOAT_FUNCTION(cosh)
RK_FLOAT_FUNCTION(erf)
RK_FLOAT_FUNCTION(exp)
RK_FLOAT_FUNCTION(expm1)
RK_FLOAT_FUNCTION(log)
RK_FLOAT_FUNCTION(log1p)
RK_FLOAT_FUNCTION(sin)
RK_FLOAT_FUNCTION(sinh)
RK_FLOAT_FUNCTION(sqrt)
RK_FLOAT_FUNCTION(tan)
RK_FLOAT_FUNCTION(tanh)
#undef RK_FLOAT_FUNCTION

template <class T>
concept Number = std::is_arithmetic_v<T>;

// Integers are their own floor; the modules that compute with them are built with -fwrapv, so overflow wraps.
template <Number T> T floor(T x) {
  if constexpr (std::is_floating_point_v<T>)
    return std::floor(x);
  else
    return x;
}
template <Number T> T ceil(T x) {
  if constexpr (std::is_floating_point_v<T>)
    return std::ceil(x);
  else
    return x;
}
template <Number T> T trunc(T x) {
  if constexpr (std::is_floating_point_v<T>)
    return std::trunc(x);
  else
    return x;
}
template <Number T> T round_even(T x) {
  if constexpr (std::is_floating_point_v<T>)
    return std::nearbyint(x);
  else
    return x;
}
template <Number T> T abs(T x) {
  if constexpr (std::is_floating_point_v<T>)
    return std::fabs(x);
  else
    return x < T(0) ? T(-x) : x;
}
template <Number T> bool isnan(T x) {
  if constexpr (std::is_floating_point_v<T>)
    return std::isnan(x);
  else
    return false;
}
template <Number T> bool isinf(T x) {
  if constexpr (std::is_floating_point_v<T>)
    return std::isinf(x);
  else
    return false;
}
template <Number T> T select(bool condition, T yes, T no) { return condition ? yes : no; }
template <Number T> T min(T a, T b) { return isnan(a) ? a : b < a || isnan(b) ? b : a; }
template <Number T> T max(T a, T b) { return isnan(a) ? a : b > a || isnan(b) ? b : a; }
/// Integer powers wrap; a negative exponent of an integer gives 0, 1 or -1 as truncation does.
template <Number T> T pow(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::pow(a, b);
  } else {
    if (b < T(0)) return a == T(1) ? T(1) : a == T(-1) ? (b % 2 ? T(-1) : T(1)) : T(0);
    T result = 1;
    for (; b > 0; b = T(b / 2), a = T(a * a))
      if (b % 2) result = T(result * a);
    return result;
  }
}
/// Division by an integer 0 gives 0, INT_MIN / -1 gives INT_MIN: defined, never a trap.
template <Number T> T divide(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    return a / b;
  else
    return b == T(0) ? T(0) : (std::is_signed_v<T> && b == T(-1)) ? T(T(0) - a) : T(a / b);
}
/// Remainder with the sign of a; 0 for an integer 0 divisor.
template <Number T> T fmod(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    return std::fmod(a, b);
  else
    return b == T(0) || (std::is_signed_v<T> && b == T(-1)) ? T(0) : T(a % b);
}
// Bits of integers. Shifts are those of unsigned numbers: what leaves is lost, a count outside the width
// gives 0.
template <std::integral T> T bits_and(T a, T b) { return a & b; }
template <std::integral T> T bits_or(T a, T b) { return a | b; }
template <std::integral T> T bits_xor(T a, T b) { return a ^ b; }
template <std::integral T> T bits_not(T x) { return ~x; }
template <std::integral T> T shift_left(T x, T n) {
  using U = std::make_unsigned_t<T>;
  return U(n) < U(std::numeric_limits<U>::digits) ? T(U(x) << U(n)) : T(0);
}
template <std::integral T> T shift_right(T x, T n) {
  using U = std::make_unsigned_t<T>;
  return U(n) < U(std::numeric_limits<U>::digits) ? T(U(x) >> U(n)) : T(0);
}

}  // namespace rekindle
