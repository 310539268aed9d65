// The sizes of a recurrent layer's matrices, and how they lie packed in panels.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "backends/cpu/kernels/recurrent.h"
#include "backends/cpu/panels.h"

namespace rekindle::cpu {

/// R' in panels. GRU's candidate is a matrix of its own, because it may be multiplied by r * h.
struct StateProduct {
  Panels panels;
  int64_t first_column = 0, start = 0;  // of the sums; floats before it in the packed blob
};

struct RecurrentSizes {
  int64_t inputs = 0, hidden = 0, gates = 0;
  Panels input_panels;
  std::vector<StateProduct> state;

  static RecurrentSizes of(const RecurrentParams& p, Isa isa);
  int64_t columns() const { return gates * hidden; }
  int64_t input_floats() const { return input_panels.packed_floats(inputs); }
  int64_t state_floats() const { return state.back().start + state.back().panels.packed_floats(hidden); }
};

/// One direction: w [G*H, I] and r [G*H, H] into panels.
void pack_direction(const RecurrentSizes& s, const float* w, const float* r, float* packed_w,
                    float* packed_r);

}  // namespace rekindle::cpu
