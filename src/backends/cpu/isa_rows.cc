// Choosing the row functions of an instruction-set level.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/isa/rows.h"

namespace rekindle::cpu {

const LineKernels& line_kernels(Isa isa) {
  switch (isa) {
    case Isa::avx512:
      return avx512::line_kernels();
    case Isa::avx2:
      return avx2::line_kernels();
    case Isa::baseline:
      break;
  }
  return baseline::line_kernels();
}

}  // namespace rekindle::cpu
