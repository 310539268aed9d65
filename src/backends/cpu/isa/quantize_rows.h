// Rows between floats and small integers with a scale and a zero point. One table an instruction-set level.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

#include "backends/cpu/isa/kernels.h"

namespace rekindle::cpu {

/// Scale and zero point of a row, or with each_has_own of each of its elements.
struct RowScale {
  const float* scale = nullptr;
  const float* zero_point = nullptr;  // null: 0
  bool each_has_own = false;
};
struct QuantizeKernels {
  /// y = clamp(round_even(x / scale) + zero point) in the range of the type; NaN gives the zero point. For
  /// i8, u8, i16 and u16, null for others.
  void (*quantize[kDTypeCount])(const float* x, const RowScale& s, void* y, int64_t n) = {};
  /// y = (x - zero point) * scale. For those and i32, where no zero point may be given.
  void (*dequantize[kDTypeCount])(const void* x, const RowScale& s, float* y, int64_t n) = {};
};

namespace baseline {
const QuantizeKernels& quantize_kernels();
}
namespace avx2 {
const QuantizeKernels& quantize_kernels();
}
namespace avx512 {
const QuantizeKernels& quantize_kernels();
}
const QuantizeKernels& quantize_kernels(Isa isa);

}  // namespace rekindle::cpu
