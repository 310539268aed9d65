// Choosing the recurrent cells of an instruction-set level.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/isa/recurrent.h"

namespace rekindle::cpu {

const CellKernels& cell_kernels(Isa isa) {
  switch (isa) {
    case Isa::avx512:
      return avx512::cell_kernels();
    case Isa::avx2:
      return avx2::cell_kernels();
    case Isa::baseline:
      break;
  }
  return baseline::cell_kernels();
}

}  // namespace rekindle::cpu
