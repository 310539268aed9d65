// Element types: names, sizes, classes, and the C++ type behind each.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <complex>
#include <cstdint>
#include <optional>
#include <string_view>

namespace rekindle {

enum class DType : uint8_t {
#define RK_DTYPE(name, bits, onnx) name,
#include "tensor/dtype.def"
#undef RK_DTYPE
};
inline constexpr std::array kDTypeNames{
#define RK_DTYPE(name, bits, onnx) std::string_view(#name),
#include "tensor/dtype.def"
#undef RK_DTYPE
};
constexpr const auto& enum_names(DType) { return kDTypeNames; }
constexpr std::string_view to_string(DType t) { return kDTypeNames[size_t(t)]; }
std::optional<DType> dtype_from_name(std::string_view name);
std::optional<DType> dtype_from_onnx(int data_type);
int dtype_to_onnx(DType);

/// Bits an element takes; 4- and 2-bit elements are packed, first element in the low bits; strings have 0.
constexpr int bits_of(DType t) {
  constexpr std::array kBits{
#define RK_DTYPE(name, bits, onnx) bits,
#include "tensor/dtype.def"
#undef RK_DTYPE
  };
  return kBits[size_t(t)];
}
/// Bytes for `count` elements, packed types rounded up.
constexpr int64_t bytes_for(DType t, int64_t count) { return (count * bits_of(t) + 7) / 8; }

constexpr bool is_signed_int(DType t) {
  return t == DType::i64 || t == DType::i32 || t == DType::i16 || t == DType::i8 || t == DType::i4 ||
         t == DType::i2;
}
constexpr bool is_unsigned_int(DType t) {
  return t == DType::u64 || t == DType::u32 || t == DType::u16 || t == DType::u8 || t == DType::u4 ||
         t == DType::u2;
}
constexpr bool is_integer(DType t) { return is_signed_int(t) || is_unsigned_int(t); }
/// f32, f16, bf16, f64: what arithmetic is defined on. The 8- and 4-bit floats are storage only.
constexpr bool is_float(DType t) {
  return t == DType::f32 || t == DType::f16 || t == DType::bf16 || t == DType::f64;
}
constexpr bool is_complex(DType t) { return t == DType::c64 || t == DType::c128; }

}  // namespace rekindle
