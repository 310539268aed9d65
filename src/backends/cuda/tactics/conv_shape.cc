// Reading windows and convolutions out of regions.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tactics/conv_shape.h"

namespace rekindle::cuda {

Result<WindowShape> window_shape(const TensorType& x, const TensorType& y, const ops::Window& window,
                                 ops::Layout layout) {
  if (x.dtype != DType::f32 && x.dtype != DType::f16)
    return refuse("the type is " + std::string(to_string(x.dtype)) + ", needs f32 or f16");
  if (layout != ops::Layout::nhwc) return refuse("the layout is nchw, needs nhwc");
  const size_t axes = window.rank();
  if (axes < 1 || axes > 2) return refuse("it has " + std::to_string(axes) + " spatial axes, needs 1 or 2");
  WindowShape shape;
  shape.dtype = x.dtype;
  shape.batch = x.shape[0];
  const auto channels = x.shape.back().as_int();
  if (!channels) return refuse("the number of channels is only known by running");
  shape.channels = *channels;
  for (size_t i = 0; i < axes; ++i) {
    const Dim in = x.shape[1 + i], out = y.shape[1 + i];
    const auto kernel = window.kernel[i].as_int(), size = in.as_int();
    if (!kernel) return refuse("the size of the kernel is only known by running");
    if (!size && window.auto_pad != ops::AutoPad::explicit_pads)
      return refuse("its padding depends on the size " + to_string(x.shape));
    const bool is_width = i + 1 == axes;
    (is_width ? shape.in_w : shape.in_h) = in;
    (is_width ? shape.out_w : shape.out_h) = out;
    (is_width ? shape.kernel_w : shape.kernel_h) = *kernel;
    (is_width ? shape.stride_w : shape.stride_h) = window.strides[i];
    (is_width ? shape.dilation_w : shape.dilation_h) = window.dilations[i];
    (is_width ? shape.pad_w : shape.pad_h) = size ? window.padding(i, *size).first : window.begin[i];
  }
  return shape;
}

std::string define_window(KernelWriter& writer, const WindowShape& shape) {
  writer.define("RK_KERNEL_H", shape.kernel_h);
  writer.define("RK_KERNEL_W", shape.kernel_w);
  writer.define("RK_STRIDE_H", shape.stride_h);
  writer.define("RK_STRIDE_W", shape.stride_w);
  writer.define("RK_DILATION_H", shape.dilation_h);
  writer.define("RK_DILATION_W", shape.dilation_w);
  writer.define("RK_PAD_H", shape.pad_h);
  writer.define("RK_PAD_W", shape.pad_w);
  writer.define("RK_IN_CHANNELS", shape.channels);
  // Kernels over pictures of known size name them by macros.
  const std::pair<const char*, const Dim&> names[] = {
      {"RK_IN_H", shape.in_h}, {"RK_IN_W", shape.in_w}, {"RK_OUT_H", shape.out_h}, {"RK_OUT_W", shape.out_w}};
  for (const auto& [name, size] : names)
    if (const auto value = size.as_int()) writer.define(name, *value);
  const std::pair<const char*, const Dim&> sizes[] = {
      {"in_h", shape.in_h}, {"in_w", shape.in_w}, {"out_h", shape.out_h}, {"out_w", shape.out_w}};
  std::string members, initial;
  for (const auto& [name, size] : sizes) {
    if (const auto value = size.as_int()) {
      members += std::string("  static constexpr int ") + name + " = " + std::to_string(*value) + ";\n";
    } else {
      members += std::string("  int ") + name + ";\n";
      initial += (initial.empty() ? "" : ", ") + writer.dim(size);
    }
  }
  writer.preamble("struct Window {\n" + members + "};\n");
  return "  const Window window{" + initial + "};\n";
}

Result<ConvRegion> as_conv(const Region& region) {
  ConvRegion conv;
  RK_TRY(conv.parts, split_at_anchor(region));
  const Node& node = *conv.parts.anchor;
  conv.op = node.op.as<ops::Conv>();
  if (!conv.op) return refuse("the anchor is " + std::string(node.op.name()) + ", not conv");
  if (!conv.parts.head.empty()) return refuse("something elementwise comes before the convolution");
  conv.weight = region.constant(node.inputs[1]);
  if (!conv.weight || (conv.weight->dtype() != DType::f32 && conv.weight->dtype() != DType::f16))
    return refuse("the weights are no f32 or f16 constant");
  if (conv.weight->count() == 0) return refuse("the weights are empty");
  if (conv.weight->dtype() != DType::f32) {
    RK_TRY(Tensor widened, cast(*conv.weight, DType::f32));
    conv.widened = std::make_shared<const Tensor>(std::move(widened));
    conv.weight = conv.widened.get();
  }
  conv.out_channels = conv.weight->dims()[0];
  Shape kernel;
  for (size_t i = 2; i < conv.weight->dims().size(); ++i) kernel.emplace_back(conv.weight->dims()[i]);
  RK_TRY(const ops::Window window,
         ops::make_window({"conv", conv.op->strides, conv.op->dilations, conv.op->pads, conv.op->auto_pad},
                          std::move(kernel)));
  RK_TRY(conv.shape, window_shape(region.body[node.inputs[0]].type, region.body[node.outputs[0]].type, window,
                                  conv.op->layout));
  if (node.inputs.size() > 2) conv.bias = node.inputs[2];
  return conv;
}

}  // namespace rekindle::cuda
