// Choosing the integer formulas of an instruction-set level.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/isa/integer_rows.h"

namespace rekindle::cpu {

const IntegerTables& integer_tables(Isa isa) {
  switch (isa) {
    case Isa::avx512:
      return avx512::integer_tables();
    case Isa::avx2:
      return avx2::integer_tables();
    case Isa::baseline:
      break;
  }
  return baseline::integer_tables();
}

}  // namespace rekindle::cpu
