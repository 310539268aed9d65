// cpu.conv: y = tail(conv(x, w) + bias), f32, channels last; any window and group.
// SPDX-License-Identifier: Apache-2.0
//
// inputs:  x [N, W, C] or [N, H, W, C]; any strides with channels contiguous (part of a concatenation). With
// nchw_input
//          it is [N, C, H, W], contiguous: for the few channels of a first layer,
//          the blob of pack_conv_weights(),
//          bias [O] contiguous, when has_bias,
//          then the tail's inputs 1 …, broadcast to the output's shape, any strides and type.
// outputs: the tail's, [N, W', O] or [N, H', W', O]; any strides. N, H and W are free at run time.
// Output 0 may be the memory of a tail input of its shape, type and strides; not of x.
#pragma once
#include "backends/cpu/program.h"
#include "tensor/tensor.h"

namespace rekindle::cpu {

/// How a window slides; one entry a spatial axis (1 or 2).
struct WindowParams {
  std::vector<int64_t> kernel, strides, dilations, begin;  // `begin`: zeros before the first element; those
                                                           // behind it follow from the output's size
  /// Zeros so that the output has ceil(input / stride) elements: `begin` is then computed, an odd one goes to
  /// the end (upper) or the beginning (lower).
  bool same_upper = false, same_lower = false;
  static constexpr auto fields =
      rekindle::fields("kernel", &WindowParams::kernel, "strides", &WindowParams::strides, "dilations",
                       &WindowParams::dilations, "begin", &WindowParams::begin, "same_upper",
                       &WindowParams::same_upper, "same_lower", &WindowParams::same_lower);
};

struct ConvParams {
  WindowParams window;
  int64_t group = 1, in_channels = 0, out_channels = 0;
  bool nchw_input = false;
  bool has_bias = false;
  Program tail;  // register 0 is conv(x, w) + bias; empty: nothing follows
  static constexpr auto fields =
      rekindle::fields("window", &ConvParams::window, "group", &ConvParams::group, "in_channels",
                       &ConvParams::in_channels, "out_channels", &ConvParams::out_channels, "nchw_input",
                       &ConvParams::nchw_input, "has_bias", &ConvParams::has_bias, "tail", &ConvParams::tail);
};

/// Weights as the kernel of that level wants them: f32 [packed size]. `w` is f32 [O, C/group, kernel…],
/// contiguous.
Tensor pack_conv_weights(const Tensor& w, int64_t group, Isa isa);

}  // namespace rekindle::cpu
