// What each instruction-set level provides: tables of functions on plain pointers, filled by the files of
// this folder. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

#include "tensor/dtype.h"
#include "tensor/target.h"

namespace rekindle::cpu {

inline constexpr int kDTypeCount = int(kDTypeNames.size());

/// out[i] = formula(in[0][i], in[1][i], …). `out` may be one of the inputs.
using RowKernel = void (*)(const void* op, const float* const* in, float* out, int64_t n);
/// A formula on rows. Where a variant is named for an operand, in[that] is one float that stands for the
/// whole row.
struct RowKernels {
  RowKernel plain = nullptr;  // null: the formula has no float form (bit operations)
  RowKernel scalar_first = nullptr, scalar_second = nullptr;  // two-operand formulas only
};
/// n elements, `stride` elements apart, as floats; null for types a program cannot read.
using Widen = void (*)(const void* from, int64_t stride, float* to, int64_t n);
/// Floats stored as another type by the rules of Cast; null for types a program cannot write.
using Narrow = void (*)(const float* from, void* to, int64_t stride, int64_t n);

/// Operands of the fused rows below.
struct AddClip {
  float low, high;
};
struct ProgramKernels {
  const RowKernels* formulas = nullptr;  // in the order of math/elementwise.def
  RowKernels add_clip;  // min(max(a + b, low), high): residual and bias additions before an activation
  RowKernel multiply_add = nullptr;  // a * b + c
  Widen widen[kDTypeCount] = {};
  Narrow narrow[kDTypeCount] = {};
};

#define RK_ISA_LEVELS(visit) visit(baseline) visit(avx2) visit(avx512)

#define RK_DECLARE(level)                  \
  namespace level {                        \
  const ProgramKernels& program_kernels(); \
  }
RK_ISA_LEVELS(RK_DECLARE)
#undef RK_DECLARE

const ProgramKernels& program_kernels(Isa isa);

}  // namespace rekindle::cpu
