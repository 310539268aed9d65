// Packing the matrices of recurrent layers.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/recurrent_weights.h"

namespace rekindle::cpu {

namespace {

/// `columns` rows of a [columns, depth] matrix, turned, into panels.
void pack_turned(const float* from, int64_t depth, const Panels& panels, float* to) {
  for (int64_t p = 0; p < panels.count; ++p)
    pack_panel(from + panels.first_column(p) * depth, 1, depth, depth, panels.columns_of(p),
               panels.floats_of(p), to + depth * panels.first_column(p));
}

}  // namespace

RecurrentSizes RecurrentSizes::of(const RecurrentParams& p, Isa isa) {
  RecurrentSizes s{p.inputs, p.hidden, gates_of(p.cell), {}, {}};
  s.input_panels = Panels::of(s.columns(), isa);
  const int64_t first = p.cell == RecurrentCell::gru ? 2 * p.hidden : s.columns();
  s.state.push_back({Panels::of(first, isa), 0, 0});
  if (first < s.columns())
    s.state.push_back({Panels::of(p.hidden, isa), first, s.state[0].panels.packed_floats(p.hidden)});
  return s;
}

void pack_direction(const RecurrentSizes& s, const float* w, const float* r, float* packed_w,
                    float* packed_r) {
  pack_turned(w, s.inputs, s.input_panels, packed_w);
  for (const StateProduct& product : s.state)
    pack_turned(r + product.first_column * s.hidden, s.hidden, product.panels, packed_r + product.start);
}

Tensors pack_recurrent_weights(const RecurrentParams& params, const Tensor& w, const Tensor& r, Isa isa) {
  const RecurrentSizes s = RecurrentSizes::of(params, isa);
  Tensor packed_w(DType::f32, {params.directions * s.input_floats()});
  Tensor packed_r(DType::f32, {params.directions * s.state_floats()});
  for (int64_t d = 0; d < params.directions; ++d)
    pack_direction(
        s, w.data<float>() + d * s.columns() * s.inputs, r.data<float>() + d * s.columns() * s.hidden,
        packed_w.data<float>() + d * s.input_floats(), packed_r.data<float>() + d * s.state_floats());
  return {packed_w, packed_r};
}

}  // namespace rekindle::cpu
