// Reading convolutions out of regions.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/tactics/conv_region.h"

#include <algorithm>

namespace rekindle::cpu {

namespace {

/// Empty attribute lists mean ones or zeros; kernels want them spelled out.
template <class T> WindowParams window_of(const T& conv, const Tensor& weight) {
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

/// What both kinds ask for: channels-last f32 of one or two spatial axes, constant weights, only a tail
/// around it.
template <class Op, class Made>
Result<AnchoredRegion> read_anchor(const Region& region, const std::string& what, Made& conv) {
  RK_TRY(AnchoredRegion parts, split_at_anchor(region));
  conv.node = parts.anchor;
  conv.op = conv.node->op.template as<Op>();
  if (!conv.op) return refuse("the anchor is " + std::string(conv.node->op.name()) + ", not " + Op::name);
  if (!parts.head.empty()) return refuse("something elementwise comes before the " + what);
  const TensorType& x = region.body[conv.node->inputs[0]].type;
  RK_CHECK(needs_f32(region, conv.node->inputs[0]));
  if (conv.op->layout != ops::Layout::nhwc) return refuse("the layout is nchw, needs nhwc");
  if (x.rank() != 3 && x.rank() != 4)
    return refuse("it has " + std::to_string(x.rank() - 2) + " spatial axes, needs 1 or 2");
  conv.weight = region.constant(conv.node->inputs[1]);
  if (!conv.weight) return refuse("the weights are no constant");
  if (conv.weight->count() == 0) return refuse("the weights are empty");
  conv.window = window_of(*conv.op, *conv.weight);
  return parts;
}

/// The bias and the tail, once the channels are known.
template <class Made> Status read_tail(const Region& region, const AnchoredRegion& parts, Made& conv) {
  const ValueId bias = conv.node->inputs.size() > 2 ? conv.node->inputs[2] : ValueId::none;
  if (bias != ValueId::none) RK_CHECK(needs_f32(region, bias));
  RK_TRY(conv.tail, tail_with_bias(region, parts, conv.out_channels, bias));
  return {};
}

}  // namespace

Result<ConvRegion> as_conv(const Region& region) {
  ConvRegion conv;
  RK_TRY(const AnchoredRegion parts, read_anchor<ops::Conv>(region, "convolution", conv));
  conv.out_channels = conv.weight->dims()[0];
  conv.in_channels = conv.weight->dims()[1] * conv.op->group;
  RK_CHECK(read_tail(region, parts, conv));
  return conv;
}

namespace {

/// Outputs cut off before the first along each axis, for sizes that are fixed.
Result<std::vector<int64_t>> cut_of(const ops::ConvTranspose& op, const WindowParams& window, const Shape& in,
                                    const Shape& out) {
  if (op.auto_pad == ops::AutoPad::explicit_pads && op.output_shape.empty()) return window.begin;
  std::vector<int64_t> cut(window.kernel.size(), 0);
  for (size_t i = 0; i < cut.size(); ++i) {
    const auto x = in[i + 1].as_int(), y = out[i + 1].as_int();
    if (!x || !y) return refuse("its padding follows from sizes that change");
    const int64_t extra = op.output_padding.empty() ? 0 : op.output_padding[i];
    const int64_t full =
        (*x - 1) * window.strides[i] + extra + (window.kernel[i] - 1) * window.dilations[i] + 1;
    const int64_t total = std::max<int64_t>(0, full - *y), less = total / 2;
    cut[i] = op.auto_pad == ops::AutoPad::same_upper ? less : total - less;
  }
  return cut;
}

}  // namespace

Result<ConvTransposeRegion> as_conv_transpose(const Region& region) {
  ConvTransposeRegion conv;
  RK_TRY(const AnchoredRegion parts, read_anchor<ops::ConvTranspose>(region, "transposed convolution", conv));
  conv.in_channels = conv.weight->dims()[0];
  conv.out_channels = conv.weight->dims()[1] * conv.op->group;
  conv.window.same_upper = conv.window.same_lower = false;
  RK_TRY(conv.window.begin, cut_of(*conv.op, conv.window, region.body[conv.node->inputs[0]].type.shape,
                                   region.body[conv.node->outputs[0]].type.shape));
  RK_CHECK(read_tail(region, parts, conv));
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
