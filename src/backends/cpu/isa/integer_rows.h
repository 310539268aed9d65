// Formulas on rows of integers and booleans. One table an instruction-set level and lane type.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

#include "backends/cpu/isa/kernels.h"

namespace rekindle::cpu {

/// Rows of lanes of type R. Booleans compute in 8 bits, other types up to 32 bits in 32, the rest in 64.
template <class R> struct IntegerKernels {
  /// out[i] = formula(in[0][i], …); in the order of math/elementwise.def, null for formulas of floats alone.
  /// Overflow wraps. `out` may be an input.
  using Row = void (*)(const void* op, const R* const* in, R* out, int64_t n);
  const Row* formulas = nullptr;
  /// From and to elements of a type; null for types that have no place in these lanes. Booleans become 0
  /// or 1.
  void (*widen[kDTypeCount])(const void* from, R* to, int64_t n) = {};
  void (*narrow[kDTypeCount])(const R* from, void* to, int64_t n) = {};
};
struct IntegerTables {
  IntegerKernels<int8_t> i8;
  IntegerKernels<int32_t> i32;
  IntegerKernels<int64_t> i64;
};

namespace baseline {
const IntegerTables& integer_tables();
}
namespace avx2 {
const IntegerTables& integer_tables();
}
namespace avx512 {
const IntegerTables& integer_tables();
}
const IntegerTables& integer_tables(Isa isa);

}  // namespace rekindle::cpu
