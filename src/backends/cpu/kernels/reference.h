// cpu.reference: an op's reference evaluation. Slow and always right; the last resort for every op, and the
// only kernel of ops whose output sizes depend on data.
// SPDX-License-Identifier: Apache-2.0
//
// inputs, outputs: the op's own, in its own order; contiguous; absent inputs allowed.
// scalars: the values of `symbols`, which the op's fields name (a reshape to [N, 64]).
#pragma once
#include <string>
#include <vector>

#include "base/encode.h"

namespace rekindle::cpu {

struct ReferenceParams {
  std::string op;              // a name of math/all.def
  std::string op_params;       // its encoded fields
  bool makes_outputs = false;  // its output sizes are known only by running it
  std::vector<std::string> symbols;
  static constexpr auto fields =
      rekindle::fields("op", &ReferenceParams::op, "op_params", &ReferenceParams::op_params, "makes_outputs",
                       &ReferenceParams::makes_outputs, "symbols", &ReferenceParams::symbols);
};

}  // namespace rekindle::cpu
