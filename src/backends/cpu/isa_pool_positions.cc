// Choosing the max pool with positions of an instruction-set level.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/isa/pool_positions.h"

namespace rekindle::cpu {

PoolPositions pool_positions(Isa isa) {
  switch (isa) {
    case Isa::avx512:
      return avx512::pool_positions;
    case Isa::avx2:
      return avx2::pool_positions;
    case Isa::baseline:
      break;
  }
  return baseline::pool_positions;
}

}  // namespace rekindle::cpu
