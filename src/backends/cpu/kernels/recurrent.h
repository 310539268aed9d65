// cpu.recurrent: rnn, gru and lstm, f32: the inputs of many steps in one product, then step by step.
// SPDX-License-Identifier: Apache-2.0
//
// inputs:  x [T, B, I] (layout 1: [B, T, I]), w [D, G*H, I], r [D, G*H, H], or both packed by
//          pack_recurrent_weights(); then b [D, 2*G*H]?, sequence_lens [B]? (i32 or i64), initial_h?, and for
//          lstm initial_c?, p [D, 3*H]?; all contiguous.
// outputs: y, y_h and for lstm y_c as in math/rnn.h; any may be absent. T and B are free at run time.
#pragma once
#include <vector>

#include "backends/cpu/isa/recurrent.h"
#include "base/encode.h"
#include "tensor/tensor.h"

namespace rekindle::cpu {

enum class RecurrentCell : uint8_t { rnn, gru, lstm };
inline constexpr std::array kRecurrentCellNames{std::string_view("rnn"), std::string_view("gru"),
                                                std::string_view("lstm")};
constexpr const auto& enum_names(RecurrentCell) { return kRecurrentCellNames; }
/// Gates in w, r and b: the G of the shapes above.
constexpr int64_t gates_of(RecurrentCell cell) {
  return cell == RecurrentCell::rnn ? 1 : cell == RecurrentCell::gru ? 3 : 4;
}

struct RecurrentParams {
  RecurrentCell cell = RecurrentCell::lstm;
  int64_t inputs = 1, hidden = 1;
  int64_t directions = 1;
  bool starts_reversed = false;  // the first direction goes backwards; the second always does
  bool batch_first = false;      // layout 1
  float clip = 0;                // 0: no bound
  bool linear_before_reset = false, input_forget = false;
  std::vector<GateFunction> functions;  // those of one direction, then those of the other
  std::vector<float> alphas, betas;     // one a function
  bool packed = false;                  // w and r are blobs for the instruction-set level of the kernel
  static constexpr auto fields = rekindle::fields(
      "cell", &RecurrentParams::cell, "inputs", &RecurrentParams::inputs, "hidden", &RecurrentParams::hidden,
      "directions", &RecurrentParams::directions, "starts_reversed", &RecurrentParams::starts_reversed,
      "batch_first", &RecurrentParams::batch_first, "clip", &RecurrentParams::clip, "linear_before_reset",
      &RecurrentParams::linear_before_reset, "input_forget", &RecurrentParams::input_forget, "functions",
      &RecurrentParams::functions, "alphas", &RecurrentParams::alphas, "betas", &RecurrentParams::betas,
      "packed", &RecurrentParams::packed);
};

/// w and r as the kernel of that level wants them: {f32 [packed size], f32 [packed size]}.
Tensors pack_recurrent_weights(const RecurrentParams& params, const Tensor& w, const Tensor& r, Isa isa);

}  // namespace rekindle::cpu
