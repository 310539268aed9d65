// Reading convolutions out of regions.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/tactics/conv_region.h"

namespace rekindle::cpu {

namespace {

/// Empty attribute lists mean ones or zeros; kernels want them spelled out.
WindowParams window_of(const ops::Conv& conv, const Tensor& weight) {
  const size_t axes = size_t(weight.rank()) - 2;
  WindowParams window;
  window.kernel.assign(weight.dims().begin() + 2, weight.dims().end());
  window.strides = conv.strides.empty() ? std::vector<int64_t>(axes, 1) : conv.strides;
  window.dilations = conv.dilations.empty() ? std::vector<int64_t>(axes, 1) : conv.dilations;
  window.begin.assign(axes, 0);
  for (size_t i = 0; i < axes && i < conv.pads.size(); ++i) window.begin[i] = conv.pads[i];
  window.same_upper = conv.auto_pad == ops::AutoPad::same_upper;
  window.same_lower = conv.auto_pad == ops::AutoPad::same_lower;
  return window;
}

}  // namespace

Result<ConvRegion> as_conv(const Region& region) {
  RK_TRY(const AnchoredRegion parts, split_at_anchor(region));
  ConvRegion conv;
  conv.node = parts.anchor;
  conv.op = conv.node->op.as<ops::Conv>();
  if (!conv.op) return refuse("the anchor is " + std::string(conv.node->op.name()) + ", not conv");
  if (!parts.head.empty()) return refuse("something elementwise comes before the convolution");
  const TensorType& x = region.body[conv.node->inputs[0]].type;
  RK_CHECK(needs_f32(region, conv.node->inputs[0]));
  if (conv.op->layout != ops::Layout::nhwc) return refuse("the layout is nchw, needs nhwc");
  if (x.rank() != 3 && x.rank() != 4)
    return refuse("it has " + std::to_string(x.rank() - 2) + " spatial axes, needs 1 or 2");
  conv.weight = region.constant(conv.node->inputs[1]);
  if (!conv.weight) return refuse("the weights are no constant");
  if (conv.weight->count() == 0) return refuse("the weights are empty");
  conv.out_channels = conv.weight->dims()[0];
  conv.in_channels = conv.weight->dims()[1] * conv.op->group;
  conv.window = window_of(*conv.op, *conv.weight);
  const ValueId bias = conv.node->inputs.size() > 2 ? conv.node->inputs[2] : ValueId::none;
  if (bias != ValueId::none) RK_CHECK(needs_f32(region, bias));
  RK_TRY(conv.tail, tail_with_bias(region, parts, conv.out_channels, bias));
  return conv;
}

Status add_conv_inputs(const Region& region, const ConvRegion& conv, Tensor packed, BuiltKernel& kernel) {
  RK_TRY(KernelInput x, kernel_input(region, conv.node->inputs[0]));
  kernel.inputs.push_back(std::move(x));
  kernel.inputs.push_back({-1, std::move(packed)});
  kernel.strided_inputs = kernel.strided_output = true;
  return add_tail_inputs(region, conv.tail, kernel);
}

}  // namespace rekindle::cpu
