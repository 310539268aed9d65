// Pools, channels last: the largest or the sum of some pixels, a vector of channels at a time.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/isa/kernels.h"
#include "backends/cpu/isa/vec.h"

namespace rekindle::cpu::RK_ISA {

namespace {

void pool_max(const float* const* taps, int64_t count, int64_t channels, float* out) {
  for (int64_t c = 0; c < channels; c += Vec::width) {
    const int64_t n = channels - c < Vec::width ? channels - c : Vec::width;
    Vec best(-__builtin_inff());
    for (int64_t t = 0; t < count; ++t) best = max(best, load(taps[t] + c, n));
    store(best, out + c, n);
  }
}

void pool_sum(const float* const* taps, int64_t count, float scale, int64_t channels, float* out) {
  for (int64_t c = 0; c < channels; c += Vec::width) {
    const int64_t n = channels - c < Vec::width ? channels - c : Vec::width;
    Vec sum(0.0f);
    for (int64_t t = 0; t < count; ++t) sum = sum + load(taps[t] + c, n);
    store(sum * Vec(scale), out + c, n);
  }
}

}  // namespace

const PoolKernels& pool_kernels() {
  static const PoolKernels kernels{pool_max, pool_sum};
  return kernels;
}

}  // namespace rekindle::cpu::RK_ISA
