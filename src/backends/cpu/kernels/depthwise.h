// cpu.depthwise: tail(conv(x, w) + bias) with one filter a channel, f32, channels last.
// SPDX-License-Identifier: Apache-2.0
//
// inputs:  x [N, W, C] or [N, H, W, C]; any strides with channels contiguous,
//          the weights of pack_depthwise_weights(),
//          bias [C] contiguous, when has_bias,
//          then the tail's inputs 1 …, broadcast to the output's shape, any strides and type.
// outputs: the tail's, [N, W', C] or [N, H', W', C]; any strides. N, H and W are free at run time.
// Output 0 may be the memory of a tail input of its shape, type and strides; not of x.
#pragma once
#include "backends/cpu/kernels/conv.h"

namespace rekindle::cpu {

struct DepthwiseParams {
  WindowParams window;
  int64_t channels = 0;
  bool has_bias = false;
  Program tail;  // register 0 is conv(x, w) + bias; empty: nothing follows
  static constexpr auto fields =
      rekindle::fields("window", &DepthwiseParams::window, "channels", &DepthwiseParams::channels, "has_bias",
                       &DepthwiseParams::has_bias, "tail", &DepthwiseParams::tail);
};

/// f32 [kernel…, C], the same for every level; `w` is f32 [C, 1, kernel…], contiguous.
Tensor pack_depthwise_weights(const Tensor& w);

}  // namespace rekindle::cpu
