// What convolutions and pools have in common in ONNX.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/window.h"
#include "onnx/converter.h"

namespace rekindle::onnx {

/// NOTSET and VALID are explicit pads, the latter none.
ops::AutoPad auto_pad_of(NodeReader& node, bool& valid);
/// kernel_shape is optional beside weights (of this type), and then must agree with them.
Status check_kernel_shape(NodeReader& node, const TensorType& weights);

/// strides, dilations, pads and auto_pad, which every windowed op has.
template <class T> void read_window(NodeReader& node, T& op) {
  op.strides = node.integers("strides");
  op.pads = node.integers("pads");
  if constexpr (requires { op.dilations; }) op.dilations = node.integers("dilations");
  if constexpr (requires { op.auto_pad; }) {
    bool valid = false;
    op.auto_pad = auto_pad_of(node, valid);
    if (valid || op.auto_pad != ops::AutoPad::explicit_pads) op.pads.clear();
  }
}

}  // namespace rekindle::onnx
