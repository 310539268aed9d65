// cpu.gemm: C = tail(A * B + bias), batched, f32.
// SPDX-License-Identifier: Apache-2.0
//
// inputs:  A [batch…, M, K] (any strides; fastest with k contiguous),
//          B [batch…, K, N] (any strides), or the blob of pack_gemm_weights(),
//          bias [N] contiguous, when has_bias,
//          then the tail's inputs 1 …, broadcast to the output's shape, any strides and type.
// outputs: the tail's, [batch…, M, N]; any strides. Batch dims broadcast as in numpy; batch dims, M, and
// unless packed
//          K and N, are free at run time.
// Output 0 may be the memory of a tail input of its shape, type and strides. A and B may not.
#pragma once
#include "backends/cpu/program.h"
#include "tensor/tensor.h"

namespace rekindle::cpu {

struct GemmParams {
  bool transpose_a = false, transpose_b = false;  // the last two dims lie swapped; not for a packed B
  bool packed = false;                            // B is a blob for the instruction-set level of the kernel
  int64_t k = 0, n = 0;                           // of a packed B
  bool has_bias = false;
  Program tail;  // register 0 is A * B + bias; empty: nothing follows
  static constexpr auto fields =
      rekindle::fields("transpose_a", &GemmParams::transpose_a, "transpose_b", &GemmParams::transpose_b,
                       "packed", &GemmParams::packed, "k", &GemmParams::k, "n", &GemmParams::n, "has_bias",
                       &GemmParams::has_bias, "tail", &GemmParams::tail);
};

/// B as the kernel of that level wants it: f32 [packed size]. `b` is f32 [K, N], or [N, K] when transposed;
/// contiguous.
Tensor pack_gemm_weights(const Tensor& b, bool transpose_b, Isa isa);

}  // namespace rekindle::cpu
