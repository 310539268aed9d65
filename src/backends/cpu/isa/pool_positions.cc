// Max pools with positions: the winner's position rides along as the bits of a float.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/isa/pool_positions.h"

#include "backends/cpu/isa/vec.h"

namespace rekindle::cpu::RK_ISA {

void pool_positions(const PoolPositionsJob& job) {
  for (int64_t c = 0; c < job.channels; c += Vec::width) {
    const int64_t n = job.channels - c < Vec::width ? job.channels - c : Vec::width;
    Vec best = load(job.taps[0] + c, n), where = from_bits(Ints(job.positions[0]));
    for (int64_t t = 1; t < job.count; ++t) {
      const Vec x = load(job.taps[t] + c, n);
      const Mask wins = (x > best) | (isnan(x) & !isnan(best));
      best = select(wins, x, best);
      where = select(wins, from_bits(Ints(job.positions[t])), where);
    }
    store(best, job.out + c, n);
    alignas(64) int32_t lanes[Vec::width];
    const Ints bits = to_bits(where);
    __builtin_memcpy(lanes, &bits.v, sizeof(lanes));
    int64_t plane = job.first_plane + c * job.plane;
    for (int64_t i = 0; i < n; ++i, plane += job.plane) job.at[c + i] = plane + lanes[i];
  }
}

}  // namespace rekindle::cpu::RK_ISA
