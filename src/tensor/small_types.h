// Elements smaller than a C++ type: packed 4- and 2-bit elements, and the 8- and 4-bit floats.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

#include "tensor/dtype.h"

namespace rekindle {

/// How Cast rounds to f8e8m0, which holds only powers of two: its round_mode attribute.
enum class PowerRounding : uint8_t { up, down, nearest };

/// True for the 8- and 4-bit floats, which convert through float.
constexpr bool is_small_float(DType t) {
  return t == DType::f8e4m3fn || t == DType::f8e4m3fnuz || t == DType::f8e5m2 || t == DType::f8e5m2fnuz ||
         t == DType::f8e8m0 || t == DType::f4e2m1;
}
/// True for 4- and 2-bit elements: several share a byte, the first in the low bits.
constexpr bool is_packed(DType t) { return bits_of(t) > 0 && bits_of(t) < 8; }

/// Element i of a packed buffer as its bare bits.
inline uint8_t packed_bits(const void* data, int bits, int64_t i) {
  const int64_t at = i * bits;
  return uint8_t((static_cast<const uint8_t*>(data)[at >> 3] >> (at & 7)) & ((1 << bits) - 1));
}
inline void set_packed_bits(void* data, int bits, int64_t i, uint8_t value) {
  const int64_t at = i * bits;
  uint8_t& byte = static_cast<uint8_t*>(data)[at >> 3];
  const int shift = int(at & 7), mask = (1 << bits) - 1;
  byte = uint8_t((byte & ~(mask << shift)) | ((value & mask) << shift));
}
/// The value of bare bits of i4, u4, i2 or u2.
constexpr int packed_int(DType t, uint8_t bits) {
  const int width = bits_of(t), value = bits & ((1 << width) - 1);
  return is_signed_int(t) && value >= (1 << (width - 1)) ? value - (1 << width) : value;
}

/// The exact value of one 8- or 4-bit float.
float small_float_value(DType t, uint8_t bits);
/// The nearest 8- or 4-bit float, ties to even, by the tables of ONNX Cast. Out of range: the largest finite
/// value when `saturate`, else infinity or, in the types without one, NaN. f4e2m1 always saturates, and NaN
/// becomes its -0, as it has neither; f8e8m0 has no sign, so it takes the magnitude.
uint8_t small_float_bits(DType t, float value, bool saturate = true,
                         PowerRounding rounding = PowerRounding::up);

}  // namespace rekindle
