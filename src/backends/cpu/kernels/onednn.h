// cpu.onednn: convolutions, transposed convolutions and matrix products by oneDNN, f32 or from BF16 operands.
// SPDX-License-Identifier: Apache-2.0
//
// y = tail(product(x, w) + bias)
//
// inputs:  x, channels last ([N, W, C] or [N, H, W, C]), or [batch…, M, K]; any strides with the last dim
//          contiguous. Dense f32 is read where it lies, anything else is copied (and BF16 made) first,
//          the blob of pack_onednn_weights(), or for matmul any matrices,
//          bias [O] contiguous, when has_bias,
//          then the tail's inputs 1 …, f32: one number, one a channel, or the result's shape; any strides.
// outputs: one, f32; any strides with the last dim contiguous. No input may be its memory.
// Sizes may differ from those the weights were packed for; a new set of sizes costs a new primitive.
#pragma once
#include "backends/cpu/kernels/conv.h"
#include "backends/cpu/onednn.h"
#include "device/device.h"

namespace rekindle::cpu {

struct OnednnParams {
  OnednnProblem::Kind kind = OnednnProblem::Kind::conv;
  bool bf16 = false;
  WindowParams window;  // of convolutions
  int64_t group = 1, in_channels = 0, out_channels = 0;
  bool transpose_a = false, transpose_b = false;  // of products
  bool packed = false;                            // the weights are a blob of `weights_format`
  Isa isa = Isa::baseline;                        // the level that the format was chosen for
  std::string weights_format;
  bool has_bias = false;
  Program tail;  // register 0 is the product + bias; empty: nothing follows
  static constexpr auto fields = rekindle::fields(
      "kind", &OnednnParams::kind, "bf16", &OnednnParams::bf16, "window", &OnednnParams::window, "group",
      &OnednnParams::group, "in_channels", &OnednnParams::in_channels, "out_channels",
      &OnednnParams::out_channels, "transpose_a", &OnednnParams::transpose_a, "transpose_b",
      &OnednnParams::transpose_b, "packed", &OnednnParams::packed, "isa", &OnednnParams::isa,
      "weights_format", &OnednnParams::weights_format, "has_bias", &OnednnParams::has_bias, "tail",
      &OnednnParams::tail);
};

/// The tail as oneDNN's own steps. Errors name the op that it has no equal formula for.
Result<std::vector<PostOp>> posts_of(const Program& tail);
/// What is to be computed for these shapes; of the weights' shape nothing is read when they are packed.
Result<OnednnProblem> onednn_problem(const OnednnParams& params, const LaunchShapes& shapes);

}  // namespace rekindle::cpu
