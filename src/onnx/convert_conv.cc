// Convolutions.
// SPDX-License-Identifier: Apache-2.0
#include "math/conv.h"

#include <algorithm>

#include "math/elementwise.h"
#include "onnx/converter.h"
#include "onnx/names.h"
#include "onnx/read_window.h"

namespace rekindle::onnx {
Result<Values> convert_conv(NodeReader& node, Builder& build) {
  ops::Conv op;
  read_window(node, op);
  op.group = node.integer("group", 1);
  RK_CHECK(check_kernel_shape(node, build.type(node.input(1))));
  return build.finish(std::move(op), node.inputs_up_to(3));
}

Result<Values> convert_conv_transpose(NodeReader& node, Builder& build) {
  ops::ConvTranspose op;
  read_window(node, op);
  op.group = node.integer("group", 1);
  op.output_padding = node.integers("output_padding");
  op.output_shape = node.integers("output_shape");
  const int spatial = std::max(build.rank(node.input(0)) - 2, 0);
  if (int(op.output_shape.size()) == spatial + 2)  // some writers give all dims
    op.output_shape.erase(op.output_shape.begin(), op.output_shape.begin() + 2);
  RK_CHECK(check_kernel_shape(node, build.type(node.input(1))));
  return build.finish(std::move(op), node.inputs_up_to(3));
}

/// The activation that com.microsoft's fused ops name.
static Result<Op> activation_of(NodeReader& node, const std::string& name) {
  const auto params = node.reals("activation_params");
  const auto param = [&](size_t i, float otherwise) { return i < params.size() ? params[i] : otherwise; };
  if (name == "Relu") return Op(ops::Relu{});
  if (name == "Sigmoid") return Op(ops::Sigmoid{});
  if (name == "Tanh") return Op(ops::Tanh{});
  if (name == "LeakyRelu") return Op(ops::LeakyRelu{.alpha = param(0, node.real("activation_alpha", 0.01f))});
  if (name == "Clip") return Op(ops::Clip{param(0, -3.402823466e38f), param(1, 3.402823466e38f)});
  if (name == "HardSigmoid") return Op(ops::HardSigmoid{param(0, 0.2f), param(1, 0.5f)});
  return unsupported("attribute 'activation' is " + quote_name(name) +
                     ", expected Relu, Sigmoid, Tanh, LeakyRelu, Clip, HardSigmoid");
}

Result<Values> convert_fused_conv(NodeReader& node, Builder& build) {
  ops::Conv op;
  read_window(node, op);
  op.group = node.integer("group", 1);
  RK_CHECK(check_kernel_shape(node, build.type(node.input(1))));
  RK_TRY(ValueId y, build.add(std::move(op), node.inputs_up_to(3)));
  if (node.has_input(3)) {
    RK_TRY(y, build.add(ops::Add{}, {y, node.input(3)}));
  }
  const std::string name = node.text("activation", "");
  if (name.empty()) return Values{y};
  RK_TRY(Op activation, activation_of(node, name));
  return build.finish(std::move(activation), {y});
}

}  // namespace rekindle::onnx
