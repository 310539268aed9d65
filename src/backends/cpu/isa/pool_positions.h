// Max pools that also tell where the largest element was. One function an instruction-set level.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

#include "tensor/target.h"

namespace rekindle::cpu {

/// One output pixel, channels last, from the addresses of the `count` > 0 input pixels under its window and
/// their positions in a plane. NaN wins and stays; of equals the first wins.
struct PoolPositionsJob {
  const float* const* taps = nullptr;
  const int32_t* positions = nullptr;
  int64_t count = 0, channels = 0;
  float* out = nullptr;
  int64_t* at = nullptr;  // at[c] = first_plane + c * plane + position of the winner
  int64_t first_plane = 0, plane = 0;
};
using PoolPositions = void (*)(const PoolPositionsJob& job);

namespace baseline {
void pool_positions(const PoolPositionsJob& job);
}
namespace avx2 {
void pool_positions(const PoolPositionsJob& job);
}
namespace avx512 {
void pool_positions(const PoolPositionsJob& job);
}
PoolPositions pool_positions(Isa isa);

}  // namespace rekindle::cpu
