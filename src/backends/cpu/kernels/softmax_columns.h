// Softmax along an axis that is not the last: many lines side by side, a vector of them at a time.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "device/device.h"

namespace rekindle::cpu {

/// x and y are f32 [outer, n, inner] without gaps, and may be the same memory; softmax, or its logarithm,
/// along the middle. inner > 1.
struct SoftmaxColumns {
  int64_t outer = 1, n = 1, inner = 1;
  bool logarithm = false;
};
std::unique_ptr<Launch> make_softmax_columns(const SoftmaxColumns& sizes, Isa isa, int threads);

}  // namespace rekindle::cpu
