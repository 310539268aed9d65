// Reading images between their pixels: GridSample, AffineGrid, RoiAlign, DeformConv; Col2Im, CenterCropPad.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "math/determinant.h"
#include "math/sampling.h"
#include "onnx/compose.h"

namespace rekindle::onnx {

Result<Values> convert_grid_sample(NodeReader& node, Builder& build) {
  using enum ops::SampleMode;
  using enum ops::SamplePadding;
  ops::GridSample op;
  op.mode = node.choice(
      "mode",
      {{"linear", linear}, {"bilinear", linear}, {"nearest", nearest}, {"cubic", cubic}, {"bicubic", cubic}},
      linear);
  op.padding =
      node.choice("padding_mode", {{"zeros", zeros}, {"border", border}, {"reflection", reflection}}, zeros);
  op.align_corners = node.flag("align_corners", false);
  return build.finish(op, {node.input(0), node.input(1)});
}

Result<Values> convert_affine_grid(NodeReader& node, Builder& build) {
  ops::AffineGrid op;
  op.align_corners = node.flag("align_corners", false);
  const auto size = build.dims_of(node.input(1));
  if (!size) return build.finish(op, {node.input(0), node.input(1)});
  op.size = *size;
  return build.finish(op, {node.input(0)});
}

Result<Values> convert_roi_align(NodeReader& node, Builder& build) {
  ops::RoiAlign op;
  op.height = node.integer("output_height", 1);
  op.width = node.integer("output_width", 1);
  op.sampling = node.integer("sampling_ratio", 0);
  op.scale = node.real("spatial_scale", 1);
  op.max = node.choice("mode", {{"avg", false}, {"max", true}}, false);
  // opset 10 did not know the attribute and meant output_half_pixel
  op.half_pixel = node.choice("coordinate_transformation_mode",
                              {{"half_pixel", true}, {"output_half_pixel", false}}, node.opset() >= 16);
  return build.finish(op, node.inputs_up_to(3));
}

Result<Values> convert_deform_conv(NodeReader& node, Builder& build) {
  ops::DeformConv op;
  op.strides = node.integers("strides");
  op.dilations = node.integers("dilations");
  op.pads = node.integers("pads");
  op.group = node.integer("group", 1);
  op.offset_group = node.integer("offset_group", 1);
  node.ignore("kernel_shape");  // the weight has it
  return build.finish(op, node.inputs_up_to(5));
}

Result<Values> convert_col2im(NodeReader& node, Builder& build) {
  ops::Col2Im op;
  op.strides = node.integers("strides");
  op.dilations = node.integers("dilations");
  op.pads = node.integers("pads");
  const auto image = build.dims_of(node.input(1));
  const auto block = build.integers_of(node.input(2));
  if (!image || !block) return build.finish(op, node.inputs_up_to(3));
  op.image = *image;
  op.block = *block;
  return build.finish(op, {node.input(0)});
}

Result<Values> convert_center_crop_pad(NodeReader& node, Builder& build) {
  ops::CenterCropPad op{.axes = node.integers("axes")};
  const auto shape = build.dims_of(node.input(1));
  if (!shape) return build.finish(op, {node.input(0), node.input(1)});
  op.shape = *shape;
  for (const Dim& d : op.shape)
    if (d.as_int() && *d.as_int() < 0)
      return invalid("the shape holds " + d.to_string() + ", expected at least 0");
  return build.finish(op, {node.input(0)});
}

Result<Values> convert_det(NodeReader& node, Builder& build) {
  return build.finish(ops::Determinant{}, {node.input(0)});
}

}  // namespace rekindle::onnx
