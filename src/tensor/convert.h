// One element from one C++ type to another, by the rules of ONNX Cast, with every undefined case defined.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "tensor/half.h"

namespace rekindle {

template <class T> inline constexpr bool is_half_type = std::is_same_v<T, f16_t> || std::is_same_v<T, bf16_t>;

/// The float nearest to d towards zero with its last bit set when inexact ("round to odd"): rounding that
/// again to a type with fewer bits gives what rounding d once would.
inline float round_to_odd(double d) {
  const float f = static_cast<float>(d);
  if (std::isnan(d) || double(f) == d) return f;
  uint32_t u = std::bit_cast<uint32_t>(f);
  if (std::fabs(double(f)) > std::fabs(d))
    --u;  // also takes an overflowed infinity back to the largest float
  return std::bit_cast<float>(u | 1);
}

/// 64-bit integers keep a sticky bit far below a float's precision where double could not hold them.
template <class I>
requires std::is_integral_v<I>
float round_to_odd(I value) {
  if constexpr (sizeof(I) < 8) {
    return round_to_odd(double(value));
  } else {
    const bool negative = value < 0;
    const uint64_t a = negative ? 0 - uint64_t(value) : uint64_t(value);
    const double d = a >> 53 == 0 ? double(a) : double((a >> 11) | uint64_t((a & 0x7ff) != 0)) * 2048.0;
    return round_to_odd(negative ? -d : d);
  }
}

/// Rounds towards zero. Out of range, ONNX leaves the result open; here 32- and 64-bit integers saturate and
/// narrower ones keep the low bits of the 32-bit integer, 0 when that is out of range too (as NumPy on x86
/// does). NaN gives 0.
template <class I, class F> I float_to_int(F value) {
  const double v = double(value);
  if constexpr (sizeof(I) < 4) {
    return v > -2147483649.0 && v < 2147483648.0 ? static_cast<I>(static_cast<int32_t>(v)) : I(0);
  } else {
    if (std::isnan(v)) return 0;
    constexpr double above = std::is_signed_v<I> ? double(I(1) << (sizeof(I) * 8 - 2)) * 2.0
                                                 : double(I(1) << (sizeof(I) * 8 - 1)) * 2.0;
    if (v >= above) return std::numeric_limits<I>::max();
    if (std::is_signed_v<I> ? v < -above : v <= -1) return std::numeric_limits<I>::min();
    return static_cast<I>(v);
  }
}

/// Floats round to nearest even, once; integers keep their low bits; anything but 0 is true (NaN too).
template <class To, class From> To convert(From value) {
  if constexpr (std::is_same_v<To, From>) {
    return value;
  } else if constexpr (is_half_type<From>) {
    return convert<To>(float(value));
  } else if constexpr (std::is_same_v<To, bool>) {
    return value != From(0);
  } else if constexpr (is_half_type<To>) {
    if constexpr (std::is_same_v<From, float>)
      return To(value);
    else if constexpr (std::is_same_v<From, bool>)
      return To(value ? 1.0F : 0.0F);
    else
      return To(round_to_odd(value));
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    return float_to_int<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

}  // namespace rekindle
