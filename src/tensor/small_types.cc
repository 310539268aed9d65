// The 8- and 4-bit floats to and from float.
// SPDX-License-Identifier: Apache-2.0
#include "tensor/small_types.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace rekindle {

namespace {

/// sign, exponent, mantissa as in IEEE 754; the types differ in what their last codes mean.
struct Format {
  int mantissa_bits, bias;
  uint8_t largest;            // the code of the largest finite value
  uint8_t sign;               // the sign bit
  int infinity;               // the code, or -1
  int nan;                    // the code that Cast makes, or -1
  bool nan_is_negative_zero;  // the "uz" types: no -0, its code is the only NaN
};

constexpr Format format_of(DType t) {
  switch (t) {
    case DType::f8e4m3fn:
      return {3, 7, 0x7e, 0x80, -1, 0x7f, false};
    case DType::f8e4m3fnuz:
      return {3, 8, 0x7f, 0x80, -1, 0x80, true};
    case DType::f8e5m2:
      return {2, 15, 0x7b, 0x80, 0x7c, 0x7e, false};
    case DType::f8e5m2fnuz:
      return {2, 16, 0x7f, 0x80, -1, 0x80, true};
    default:
      return {1, 1, 0x07, 0x08, -1, -1, false};  // f4e2m1
  }
}

constexpr int kPowerBias = 127;
constexpr uint8_t kPowerNan = 0xff, kPowerLargest = 0xfe;

float decoded(const Format& f, uint8_t bits) {
  const int code = bits & (f.sign - 1);
  const bool negative = (bits & f.sign) != 0;
  if (f.nan_is_negative_zero && bits == f.sign) return std::numeric_limits<float>::quiet_NaN();
  if (code > f.largest) {
    if (code == f.infinity)
      return negative ? -std::numeric_limits<float>::infinity() : std::numeric_limits<float>::infinity();
    return std::copysign(std::numeric_limits<float>::quiet_NaN(), negative ? -1.0F : 1.0F);
  }
  const int exponent = code >> f.mantissa_bits, mantissa = code & ((1 << f.mantissa_bits) - 1);
  const int whole = exponent == 0 ? mantissa : mantissa + (1 << f.mantissa_bits);
  const float value = std::ldexp(float(whole), std::max(exponent, 1) - f.bias - f.mantissa_bits);
  return negative ? -value : value;
}

std::array<float, 256> table_of(DType t) {
  std::array<float, 256> values{};
  for (int i = 0; i < 256; ++i) {
    if (t != DType::f8e8m0)
      values[size_t(i)] = decoded(format_of(t), uint8_t(i));
    else
      values[size_t(i)] =
          i == kPowerNan ? std::numeric_limits<float>::quiet_NaN() : std::ldexp(1.0F, i - kPowerBias);
  }
  return values;
}

uint8_t power_bits(float value, bool saturate, PowerRounding rounding) {
  const float x = std::fabs(value);
  if (std::isnan(x)) return kPowerNan;
  if (std::isinf(x)) return saturate ? kPowerLargest : kPowerNan;
  if (x < std::ldexp(1.0F, -kPowerBias)) return saturate ? 0 : kPowerNan;
  int exponent = 0;
  const float fraction = std::frexp(x, &exponent) * 2;  // x = fraction * 2^(exponent - 1), 1 <= fraction < 2
  const bool one_up =
      rounding == PowerRounding::up ? fraction > 1 : rounding == PowerRounding::nearest && fraction >= 1.5F;
  const int code = exponent - 1 + kPowerBias + int(one_up);
  if (code <= kPowerLargest) return uint8_t(code);
  return saturate ? kPowerLargest : kPowerNan;
}

}  // namespace

float small_float_value(DType t, uint8_t bits) {
  switch (t) {
    case DType::f8e4m3fn: {
      static const auto table = table_of(DType::f8e4m3fn);
      return table[bits];
    }
    case DType::f8e4m3fnuz: {
      static const auto table = table_of(DType::f8e4m3fnuz);
      return table[bits];
    }
    case DType::f8e5m2: {
      static const auto table = table_of(DType::f8e5m2);
      return table[bits];
    }
    case DType::f8e5m2fnuz: {
      static const auto table = table_of(DType::f8e5m2fnuz);
      return table[bits];
    }
    case DType::f8e8m0: {
      static const auto table = table_of(DType::f8e8m0);
      return table[bits];
    }
    default: {
      static const auto table = table_of(DType::f4e2m1);
      return table[bits & 15];
    }
  }
}

uint8_t small_float_bits(DType t, float value, bool saturate, PowerRounding rounding) {
  if (t == DType::f8e8m0) return power_bits(value, saturate, rounding);
  const Format f = format_of(t);
  const uint8_t sign = std::signbit(value) ? f.sign : 0;
  auto signed_code = [&](int code) {
    return f.nan_is_negative_zero && code == 0 ? uint8_t(0) : uint8_t(sign | code);
  };
  auto nan = [&] {
    return f.nan < 0 ? f.sign : f.nan_is_negative_zero ? uint8_t(f.nan) : uint8_t(sign | f.nan);
  };
  if (std::isnan(value)) return nan();
  const bool clamps = saturate || t == DType::f4e2m1;
  auto too_large = [&] {
    if (clamps) return signed_code(f.largest);
    return f.infinity >= 0 ? signed_code(f.infinity) : nan();
  };
  if (std::isinf(value)) return too_large();
  const float x = std::fabs(value);
  const int lowest = 1 - f.bias;  // the exponent of the subnormals
  const int exponent = x == 0 ? lowest : std::max(std::ilogb(x), lowest);
  // In units of the last mantissa bit; scaling by a power of two is exact, so this rounds once, to even.
  const double units = std::ldexp(double(x), f.mantissa_bits - exponent);
  const double below = std::floor(units), rest = units - below;
  const double rounded = rest > 0.5 || (rest == 0.5 && std::fmod(below, 2) != 0) ? below + 1 : below;
  // A normal number has units >= 2^mantissa_bits, so adding carries into the exponent field as it should.
  const double code = std::ldexp(double(exponent - lowest), f.mantissa_bits) + rounded;
  return code > f.largest ? too_large() : signed_code(int(code));
}

}  // namespace rekindle
