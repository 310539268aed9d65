// f16 and bf16 as C++ value types that convert to and from float, rounding to nearest even.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>

namespace rekindle {

/// bfloat16: the upper half of a float; NaN stays NaN.
struct bf16_t {
  uint16_t bits = 0;
  bf16_t() = default;
  explicit bf16_t(float f) {
    uint32_t u = std::bit_cast<uint32_t>(f);
    bits = std::isnan(f) ? uint16_t((u >> 16) | 0x40) : uint16_t((u + 0x7fff + ((u >> 16) & 1)) >> 16);
  }
  explicit operator float() const { return std::bit_cast<float>(uint32_t(bits) << 16); }
};

/// IEEE binary16.
struct f16_t {
  uint16_t bits = 0;
  f16_t() = default;
  explicit f16_t(float f);
  explicit operator float() const;
};

inline f16_t::f16_t(float f) {
  const uint32_t u = std::bit_cast<uint32_t>(f), sign = (u >> 16) & 0x8000, a = u & 0x7fffffff;
  if (a > 0x7f800000) {
    bits = uint16_t(sign | 0x7e00 | ((a >> 13) & 0x3ff));
  } else if (a >= 0x477ff000) {  // rounds to 65536 or more
    bits = uint16_t(sign | 0x7c00);
  } else if (a < 0x38800000) {  // subnormal: adding 0.5 puts the rounded result into the low mantissa bits
    const float shifted = std::bit_cast<float>(a) + 0.5f;
    bits = uint16_t(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000));
  } else {
    bits = uint16_t(sign | ((a - 0x38000000 + 0xfff + ((a >> 13) & 1)) >> 13));
  }
}
inline f16_t::operator float() const {
  const uint32_t sign = uint32_t(bits & 0x8000) << 16, exponent = (bits >> 10) & 31, mantissa = bits & 0x3ff;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000 | (mantissa << 13));
  if (exponent == 0) {
    const float value = float(mantissa) * 0x1p-24f;
    return sign ? -value : value;
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

}  // namespace rekindle
