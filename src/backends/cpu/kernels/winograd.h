// cpu.winograd: 3 x 3 convolution of stride 1 with 2.25 or 4 times fewer multiplications, f32, NHWC.
// SPDX-License-Identifier: Apache-2.0
//
// y = tail(conv(x, w) + bias)
//
// inputs:  x [N, H, W, C]; any strides with channels contiguous,
//          the blob of pack_winograd_weights() for the same tile,
//          bias [O] contiguous, when has_bias,
//          then the tail's inputs 1 …, broadcast to the output's shape, any strides and type.
// outputs: the tail's, [N, H', W', O]; any strides. N, H and W are free at run time.
// Output 0 may be the memory of a tail input of its shape, type and strides; not of x.
// Rounding: the error is about 2 (tile 2) or 10 (tile 4) times that of the direct sum.
#pragma once
#include "backends/cpu/program.h"
#include "tensor/tensor.h"

namespace rekindle::cpu {

struct WinogradParams {
  int64_t tile = 4;                  // outputs are made in tiles of 2 x 2 or 4 x 4
  int64_t begin_y = 1, begin_x = 1;  // zeros before the first row and column
  int64_t in_channels = 0, out_channels = 0;
  bool has_bias = false;
  Program tail;  // register 0 is conv(x, w) + bias; empty: nothing follows
  static constexpr auto fields = rekindle::fields(
      "tile", &WinogradParams::tile, "begin_y", &WinogradParams::begin_y, "begin_x", &WinogradParams::begin_x,
      "in_channels", &WinogradParams::in_channels, "out_channels", &WinogradParams::out_channels, "has_bias",
      &WinogradParams::has_bias, "tail", &WinogradParams::tail);
};

/// Transformed weights as the kernel of that level wants them; `w` is f32 [O, C, 3, 3], contiguous. They take
/// 16/9 (tile 2) or 4 times (tile 4) the memory of w.
Tensor pack_winograd_weights(const Tensor& w, int64_t tile, Isa isa);

}  // namespace rekindle::cpu
