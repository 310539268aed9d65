// Signal processing: windows, DFT, STFT, MelWeightMatrix.
// SPDX-License-Identifier: Apache-2.0
#include <numbers>

#include "math/signal.h"
#include "onnx/compose.h"

namespace rekindle::onnx {
namespace {

Result<DType> output_type(NodeReader& node) {
  const int64_t number = node.integer("output_datatype", 1);
  const auto dtype = dtype_from_onnx(int(number));
  if (!dtype)
    return invalid("attribute 'output_datatype' is " + std::to_string(number) + ", which is no element type");
  return *dtype;
}

}  // namespace

/// a - b cos(2 pi i / n) + c cos(4 pi i / n), where n is the size, or one less when it is symmetric.
Result<Values> convert_window(NodeReader& node, Builder& build) {
  double a = 0.5, b = 0.5, second = 0;
  if (node.op_type() == "HammingWindow") a = 25.0 / 46, b = 21.0 / 46;
  if (node.op_type() == "BlackmanWindow") a = 0.42, second = 0.08;
  const bool periodic = node.flag("periodic", true);
  RK_TRY(const DType to, output_type(node));
  Composition c(build);
  ValueId size = node.input(0);
  if (c.rank(size) != 0) size = c.reshape(size, {});
  size = c.cast(size, DType::i64);
  ValueId position = ValueId::none;
  if (const auto known = build.dims_of(size)) {
    position = c.range((*known)[0]);
  } else {
    position = c(ops::Range{}, {c.number(DType::i64, 0), size, c.number(DType::i64, 1)});
  }
  position = c.cast(position, DType::f64);
  const auto wide = [&](double v) { return c.number(DType::f64, v); };
  ValueId n = c.cast(size, DType::f64);
  if (!periodic) n = c(ops::Max{}, {c.sub(n, wide(1)), wide(1)});
  const ValueId turn = c.div(c.mul(position, wide(2 * std::numbers::pi)), n);
  ValueId y = c.sub(wide(a), c.mul(wide(b), c(ops::Cos{}, {turn})));
  if (second != 0) y = c.add(y, c.mul(wide(second), c(ops::Cos{}, {c.mul(turn, wide(2))})));
  return c.result({c.cast(y, to)});
}

Result<Values> convert_dft(NodeReader& node, Builder& build) {
  ops::Dft op;
  op.inverse = node.flag("inverse", false);
  op.onesided = node.flag("onesided", false);
  Values inputs = {node.input(0), ValueId::none, ValueId::none};
  if (node.opset() < 20)
    op.axis = node.integer("axis", 1);
  else if (const auto axis = build.integers_of(node.input(2)); axis && axis->size() == 1)
    op.axis = (*axis)[0];
  else
    inputs[2] = node.input(2);
  if (const auto length = build.dims_of(node.input(1)); length && length->size() == 1)
    op.length = (*length)[0];
  else
    inputs[1] = node.input(1);
  while (inputs.back() == ValueId::none) inputs.pop_back();
  return build.finish(op, std::move(inputs));
}

Result<Values> convert_stft(NodeReader& node, Builder& build) {
  ops::Stft op;
  op.onesided = node.flag("onesided", true);
  Values inputs = {node.input(0), node.input(2), ValueId::none, ValueId::none};
  const auto step = build.integers_of(node.input(1)), length = build.integers_of(node.input(3));
  if (step && step->size() == 1 && (*step)[0] > 0)
    op.step = (*step)[0];
  else
    inputs[2] = node.input(1);
  if (length && length->size() == 1 && (*length)[0] > 0)
    op.length = (*length)[0];
  else
    inputs[3] = node.input(3);
  while (inputs.back() == ValueId::none) inputs.pop_back();
  return build.finish(op, std::move(inputs));
}

Result<Values> convert_mel_weight_matrix(NodeReader& node, Builder& build) {
  ops::MelWeights op;
  RK_TRY(op.dtype, output_type(node));
  const auto bands = build.integers_of(node.input(0)), length = build.integers_of(node.input(1));
  if (bands && bands->size() == 1 && (*bands)[0] >= 0) op.bands = (*bands)[0];
  if (length && length->size() == 1 && (*length)[0] >= 0) op.bins = (*length)[0] / 2 + 1;
  return build.finish(op, node.inputs_up_to(5));
}

}  // namespace rekindle::onnx
