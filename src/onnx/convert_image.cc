// ImageDecoder.
// SPDX-License-Identifier: Apache-2.0
#include "onnx/convert_image.h"

#include "math/image.h"

namespace rekindle::onnx {

Result<Values> convert_image_decoder(NodeReader& node, Builder& build) {
  using enum ops::PixelFormat;
  ops::ImageDecode op;
  op.format = node.choice("pixel_format", {{"RGB", rgb}, {"BGR", bgr}, {"Grayscale", grey}}, rgb);
  return build.finish(op, {node.input(0)});
}

}  // namespace rekindle::onnx
