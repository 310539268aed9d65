// Choosing the quantization of an instruction-set level.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/isa/quantize_rows.h"

namespace rekindle::cpu {

const QuantizeKernels& quantize_kernels(Isa isa) {
  switch (isa) {
    case Isa::avx512:
      return avx512::quantize_kernels();
    case Isa::avx2:
      return avx2::quantize_kernels();
    case Isa::baseline:
      break;
  }
  return baseline::quantize_kernels();
}

}  // namespace rekindle::cpu
