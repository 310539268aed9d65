// What every convolution tactic asks of a region.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "backends/cpu/kernels/conv.h"
#include "backends/cpu/tactics/program_of.h"
#include "math/conv.h"

namespace rekindle::cpu {

/// A channels-last f32 convolution of one or two spatial axes with constant weights and an elementwise tail.
struct ConvRegion {
  const ops::Conv* op = nullptr;
  const Node* node = nullptr;
  const Tensor* weight = nullptr;  // [O, C/group, kernel…]
  int64_t in_channels = 0, out_channels = 0;
  WindowParams window;
  TailWithBias tail;
  bool is_depthwise() const { return op->group == in_channels && op->group == out_channels; }
};
Result<ConvRegion> as_conv(const Region& region);

/// The same transposed. The window's `begin` are the outputs cut off before the first: numbers only where the
/// paddings are explicit or the sizes fixed, so everything else is refused.
struct ConvTransposeRegion {
  const ops::ConvTranspose* op = nullptr;
  const Node* node = nullptr;
  const Tensor* weight = nullptr;  // [C, O/group, kernel…]
  int64_t in_channels = 0, out_channels = 0;
  WindowParams window;
  TailWithBias tail;
};
Result<ConvTransposeRegion> as_conv_transpose(const Region& region);

/// x, the packed weights, the bias and the tail's inputs, in the order every convolution kernel takes them.
Status add_conv_inputs(const Region& region, const ConvRegion& conv, Tensor packed, BuiltKernel& kernel);

}  // namespace rekindle::cpu
