// Quantization on Vec; integers are packed and unpacked by loops that the compiler makes vectors of.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/isa/quantize_rows.h"

#include "backends/cpu/isa/vec.h"

namespace rekindle::cpu::RK_ISA {

namespace {

template <class S> struct Range;
template <> struct Range<int8_t> { static constexpr float low = -128, high = 127; };
template <> struct Range<uint8_t> { static constexpr float low = 0, high = 255; };
template <> struct Range<int16_t> { static constexpr float low = -32768, high = 32767; };
template <> struct Range<uint16_t> { static constexpr float low = 0, high = 65535; };

/// The scale or zero point of elements i … i+n-1.
Vec part(const float* values, bool each_has_own, int64_t i, int64_t n, float otherwise) {
  if (!values) return Vec(otherwise);
  return each_has_own ? load(values + i, n) : Vec(*values);
}

template <class S> void quantize(const float* x, const RowScale& s, void* to, int64_t n) {
  S* const y = static_cast<S*>(to);
  const Vec low(Range<S>::low), high(Range<S>::high);
  for (int64_t i = 0; i < n; i += Vec::width) {
    const int64_t count = n - i < Vec::width ? n - i : Vec::width;
    const Vec quotient = load(x + i, count) / part(s.scale, s.each_has_own, i, count, 1.0f);
    const Vec shift = part(s.zero_point, s.each_has_own, i, count, 0.0f);
    const Vec value = select(isnan(quotient), shift, round_even(quotient) + shift);
    const Ints whole = whole_part(at_most(at_least(value, low), high));
    alignas(64) int32_t lanes[Vec::width];
    __builtin_memcpy(lanes, &whole.v, sizeof(lanes));
    if (count == Vec::width) {
      for (int k = 0; k < Vec::width; ++k) y[i + k] = S(lanes[k]);
    } else {
      for (int64_t k = 0; k < count; ++k) y[i + k] = S(lanes[k]);
    }
  }
}

template <class S> void dequantize(const void* from, const RowScale& s, float* y, int64_t n) {
  const S* const x = static_cast<const S*>(from);
  for (int64_t i = 0; i < n; i += Vec::width) {
    const int64_t count = n - i < Vec::width ? n - i : Vec::width;
    alignas(64) int32_t lanes[Vec::width] = {};
    if (count == Vec::width) {
      for (int k = 0; k < Vec::width; ++k) lanes[k] = x[i + k];
    } else {
      for (int64_t k = 0; k < count; ++k) lanes[k] = x[i + k];
    }
    const Vec value = to_float(Ints::load(lanes));
    const Vec shifted = value - part(s.zero_point, s.each_has_own, i, count, 0.0f);
    store(shifted * part(s.scale, s.each_has_own, i, count, 1.0f), y + i, count);
  }
}

template <class S> void add(QuantizeKernels& k, DType t) {
  k.quantize[int(t)] = quantize<S>;
  k.dequantize[int(t)] = dequantize<S>;
}
QuantizeKernels make() {
  QuantizeKernels k;
  add<int8_t>(k, DType::i8);
  add<uint8_t>(k, DType::u8);
  add<int16_t>(k, DType::i16);
  add<uint16_t>(k, DType::u16);
  k.dequantize[int(DType::i32)] = dequantize<int32_t>;
  return k;
}

}  // namespace

const QuantizeKernels& quantize_kernels() {
  static const QuantizeKernels kernels = make();
  return kernels;
}

}  // namespace rekindle::cpu::RK_ISA
