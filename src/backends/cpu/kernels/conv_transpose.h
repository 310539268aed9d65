// cpu.conv_transpose: y = tail(conv_transpose(x, w) + bias), f32, channels last, as one convolution a phase.
// SPDX-License-Identifier: Apache-2.0
//
// Outputs whose positions leave the same rest when divided by the stride are a phase: they are a convolution
// of x with stride 1 and every stride-th tap, turned round. A stride of 2 in two axes has four phases, which
// together multiply what has to be multiplied and nothing else; each writes its outputs where they belong.
//
// inputs:  x [N, W, C] or [N, H, W, C]; any strides with channels contiguous,
//          the blob of pack_conv_weights() of each phase's weights, phases in row-major order,
//          bias [O] contiguous, when has_bias,
//          then the tail's inputs 1 …, broadcast to the output's shape, any strides and type.
// outputs: the tail's, [N, W', O] or [N, H', W', O]; any strides. N, H and W are free at run time.
// Output 0 may be the memory of a tail input of its shape, type and strides; not of x.
#pragma once
#include "backends/cpu/kernels/conv.h"

namespace rekindle::cpu {

struct ConvTransposeParams {
  WindowParams window;  // `begin`: outputs cut off before the first; dilations are 1
  int64_t group = 1, in_channels = 0, out_channels = 0;
  bool has_bias = false;
  Program tail;  // register 0 is conv_transpose(x, w) + bias; empty: nothing follows
  static constexpr auto fields = rekindle::fields(
      "window", &ConvTransposeParams::window, "group", &ConvTransposeParams::group, "in_channels",
      &ConvTransposeParams::in_channels, "out_channels", &ConvTransposeParams::out_channels, "has_bias",
      &ConvTransposeParams::has_bias, "tail", &ConvTransposeParams::tail);
};

/// Along one axis, outputs first, first + stride, …: output first + q * stride reads x[q - begin + t] under
/// tap t of `taps`, which is tap last_tap - t * stride of the window. No tap: the outputs are zeros.
struct Phase {
  int64_t first = 0, taps = 0, last_tap = 0,
          begin = 0;  // begin < 0: so many of x's first elements are not read
  static Phase of(int64_t first, int64_t kernel, int64_t stride, int64_t cut);
};

/// The weights of every phase, row-major; `w` is f32 [C, O/group, kernel…], contiguous.
std::vector<Tensor> pack_conv_transpose_weights(const Tensor& w, const WindowParams& window, int64_t group,
                                                Isa isa);

}  // namespace rekindle::cpu
