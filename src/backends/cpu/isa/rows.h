// Functions on rows of floats: softmax, normalisation, folds. One table an instruction-set level.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

#include "tensor/target.h"

namespace rekindle::cpu {

enum class Fold : uint8_t { sum, sum_abs, sum_square, max, min, prod };
inline constexpr int kFoldCount = 6;

struct LineKernels {
  /// y = softmax(x), or its logarithm. y may be x, here and below.
  void (*softmax)(const float* x, float* y, int64_t n, bool logarithm);
  /// The mean, and the mean of squared distances from it.
  void (*statistics)(const float* x, int64_t n, float& mean, float& variance);
  /// y = (x - shift) * scale
  void (*shift_scale)(const float* x, float* y, int64_t n, float shift, float scale);
  /// x folded to one number; NaN spreads through max and min.
  float (*fold[kFoldCount])(const float* x, int64_t n);
  /// to[i] = to[i] folded with x[i]
  void (*fold_into[kFoldCount])(float* to, const float* x, int64_t n);
  /// to[i] = to[i] combined with the partial result x[i]
  void (*merge_into[kFoldCount])(float* to, const float* x, int64_t n);
  /// y += w * x
  void (*add_scaled)(float* y, const float* x, int64_t n, float w);
  /// s = s * scale + mask (none when null; a step of 0 repeats its first); the largest of the results.
  float (*scale_mask)(float* s, int64_t n, float scale, const float* mask, int64_t mask_step);
  /// s = exp(s - shift); the sum of the results.
  float (*exp_sum)(float* s, int64_t n, float shift);
};

namespace baseline {
const LineKernels& line_kernels();
}
namespace avx2 {
const LineKernels& line_kernels();
}
namespace avx512 {
const LineKernels& line_kernels();
}
const LineKernels& line_kernels(Isa isa);

}  // namespace rekindle::cpu
