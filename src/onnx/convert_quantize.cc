// Quantization: Q and DQ nodes as they are; integer ops as the arithmetic they stand for.
// SPDX-License-Identifier: Apache-2.0
#include "math/cast.h"
#include "math/conv.h"
#include "math/elementwise.h"
#include "math/matmul.h"
#include "math/quantize.h"
#include "onnx/converter.h"
#include "onnx/read_window.h"

namespace rekindle::onnx {

Result<Values> convert_quantize_linear(NodeReader& node, Builder& build) {
  ops::QuantizeLinear op;
  op.axis = node.integer("axis", 1);
  op.block_size = node.integer("block_size", 0);
  op.saturate = node.flag("saturate", true);
  if (const int64_t precision = node.integer("precision", 0); precision != 0 && precision != 1)
    return unsupported("attribute 'precision' is " + std::to_string(precision) + ", expected FLOAT (1)");
  if (node.has_input(2)) op.to = build.type(node.input(2)).dtype;
  if (const int64_t code = node.integer("output_dtype", 0); code != 0) {
    const auto dtype = dtype_from_onnx(int(code));
    if (!dtype)
      return invalid("attribute 'output_dtype' is " + std::to_string(code) + ", which is no element type");
    if (node.has_input(2) && *dtype != op.to)
      return invalid("attribute 'output_dtype' is " + std::string(to_string(*dtype)) +
                     ", but the zero point is " + std::string(to_string(op.to)));
    op.to = *dtype;
  }
  return build.finish(op, node.inputs_up_to(3));
}

Result<Values> convert_dequantize_linear(NodeReader& node, Builder& build) {
  ops::DequantizeLinear op;
  op.axis = node.integer("axis", 1);
  op.block_size = node.integer("block_size", 0);
  const int64_t code = node.integer("output_dtype", 0);
  const DType made = build.type(node.input(1)).dtype;
  if (code == 0 || dtype_from_onnx(int(code)) == made) return build.finish(op, node.inputs_up_to(3));
  const auto dtype = dtype_from_onnx(int(code));
  if (!dtype)
    return invalid("attribute 'output_dtype' is " + std::to_string(code) + ", which is no element type");
  RK_TRY(const ValueId x, build.add(op, node.inputs_up_to(3)));
  return build.finish(ops::Cast{.to = *dtype}, {x});
}

Result<Values> convert_dynamic_quantize_linear(NodeReader& node, Builder& build) {
  return build.finish(ops::DynamicQuantizeLinear{}, {node.input(0)});
}

namespace {

/// x - zero_point as i32; `axis` is where a vector of zero points lies.
Result<ValueId> without_zero_point(Builder& build, ValueId x, ValueId zero_point, int64_t axis) {
  RK_TRY(const ValueId wide, build.cast(x, DType::i32));
  if (zero_point == ValueId::none) return wide;
  RK_TRY(ValueId zero, build.cast(zero_point, DType::i32));
  const TensorType type = build.type(zero);
  if (type.rank() == 1 && !type.shape[0].is(1)) {
    Shape shape(size_t(build.rank(x)), 1);
    shape[size_t(axis)] = type.shape[0];
    RK_TRY(zero, build.reshape(zero, std::move(shape)));
  }
  return build.add(ops::Sub{}, {wide, zero});
}

}  // namespace

/// (x, w, x_zero_point?, w_zero_point?) -> i32
Result<Values> convert_conv_integer(NodeReader& node, Builder& build) {
  ops::Conv op;
  read_window(node, op);
  op.group = node.integer("group", 1);
  RK_CHECK(check_kernel_shape(node, build.type(node.input(1))));
  RK_TRY(const ValueId x, without_zero_point(build, node.input(0), node.input(2), 1));
  RK_TRY(const ValueId w, without_zero_point(build, node.input(1), node.input(3), 0));
  return build.finish(std::move(op), {x, w});
}

/// (a, b, a_zero_point?, b_zero_point?) -> i32; zero points for each row of a, each column of b, or one.
Result<Values> convert_matmul_integer(NodeReader& node, Builder& build) {
  const ValueId a = node.input(0), b = node.input(1);
  RK_TRY(const ValueId left, without_zero_point(build, a, node.input(2), std::max(build.rank(a) - 2, 0)));
  RK_TRY(const ValueId right, without_zero_point(build, b, node.input(3), std::max(build.rank(b) - 1, 0)));
  return build.finish(ops::Matmul{}, {left, right});
}

namespace {

Result<Values> requantized(Builder& build, ValueId y, ValueId scale, ValueId zero_point, int64_t axis) {
  return build.finish(ops::QuantizeLinear{.axis = axis, .to = build.type(zero_point).dtype},
                      {y, scale, zero_point});
}

}  // namespace

/// (x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias?)
Result<Values> convert_qlinear_conv(NodeReader& node, Builder& build) {
  ops::Conv op;
  read_window(node, op);
  op.group = node.integer("group", 1);
  RK_CHECK(check_kernel_shape(node, build.type(node.input(3))));
  const ops::DequantizeLinear by_output{.axis = 0};
  RK_TRY(const ValueId x, build.add(ops::DequantizeLinear{}, {node.input(0), node.input(1), node.input(2)}));
  RK_TRY(const ValueId w, build.add(by_output, {node.input(3), node.input(4), node.input(5)}));
  Values inputs = {x, w};
  if (node.has_input(8)) {
    RK_TRY(const ValueId scale, build.add(ops::Mul{}, {node.input(1), node.input(4)}));
    RK_TRY(inputs.emplace_back(), build.add(by_output, {node.input(8), scale}));
  }
  RK_TRY(const ValueId y, build.add(std::move(op), std::move(inputs)));
  return requantized(build, y, node.input(6), node.input(7), 1);
}

/// (a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero)
Result<Values> convert_qlinear_matmul(NodeReader& node, Builder& build) {
  RK_TRY(const ValueId a,
         build.add(ops::DequantizeLinear{.axis = -2}, {node.input(0), node.input(1), node.input(2)}));
  RK_TRY(const ValueId b,
         build.add(ops::DequantizeLinear{.axis = -1}, {node.input(3), node.input(4), node.input(5)}));
  RK_TRY(const ValueId y, build.add(ops::Matmul{}, {a, b}));
  return requantized(build, y, node.input(6), node.input(7), -2);
}

}  // namespace rekindle::onnx
