// Converters that stand apart from converter.h: pictures and gradients.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "onnx/converter.h"

namespace rekindle::onnx {

Result<Values> convert_image_decoder(NodeReader& node, Builder& build);
Result<Values> convert_gradient(NodeReader& node, Builder& build);

}  // namespace rekindle::onnx
