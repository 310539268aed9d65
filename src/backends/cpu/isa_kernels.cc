// Choosing the functions of an instruction-set level.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/isa/kernels.h"

namespace rekindle::cpu {

#define RK_CHOOSE(Kernels, kernels) \
  const Kernels& kernels(Isa isa) { \
    switch (isa) {                  \
      case Isa::avx512:             \
        return avx512::kernels();   \
      case Isa::avx2:               \
        return avx2::kernels();     \
      case Isa::baseline:           \
        break;                      \
    }                               \
    return baseline::kernels();     \
  }
RK_CHOOSE(ProgramKernels, program_kernels)
RK_CHOOSE(TileKernels, tile_kernels)
RK_CHOOSE(DepthwiseKernels, depthwise_kernels)
RK_CHOOSE(DepthwiseBlockKernels, depthwise_block_kernels)
RK_CHOOSE(PoolKernels, pool_kernels)
RK_CHOOSE(WinogradKernels, winograd_kernels)
#undef RK_CHOOSE

}  // namespace rekindle::cpu
