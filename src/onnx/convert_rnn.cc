// Recurrent layers.
// SPDX-License-Identifier: Apache-2.0
#include "math/rnn.h"
#include "onnx/converter.h"

namespace rekindle::onnx {
namespace {

template <class T> Result<T> read_layer(NodeReader& node, Builder& build) {
  T op;
  using enum ops::RnnDirection;
  op.direction = node.choice(
      "direction", {{"forward", forward}, {"reverse", reverse}, {"bidirectional", bidirectional}}, forward);
  op.layout = node.integer("layout", 0);
  op.clip = node.real("clip", 0);
  op.activations = node.texts("activations");
  op.activation_alpha = node.reals("activation_alpha");
  op.activation_beta = node.reals("activation_beta");
  node.ignore("output_sequence");  // opsets below 7; outputs say it by themselves
  const TensorType& r = build.type(node.input(2));
  const std::optional<int64_t> hidden = r.rank() == 3 ? r.shape[2].as_int() : std::nullopt;
  if (!hidden)
    return invalid("the recurrence weights are " + r.to_string() + ", expected rank 3 with known dims");
  op.hidden_size = node.integer("hidden_size", *hidden);
  return op;
}

}  // namespace

Result<Values> convert_lstm(NodeReader& node, Builder& build) {
  RK_TRY(ops::Lstm op, read_layer<ops::Lstm>(node, build));
  op.input_forget = node.flag("input_forget", false);
  return build.finish(std::move(op), node.inputs_up_to(8));
}

Result<Values> convert_gru(NodeReader& node, Builder& build) {
  RK_TRY(ops::Gru op, read_layer<ops::Gru>(node, build));
  op.linear_before_reset = node.flag("linear_before_reset", false);
  return build.finish(std::move(op), node.inputs_up_to(6));
}

Result<Values> convert_rnn(NodeReader& node, Builder& build) {
  RK_TRY(ops::Rnn op, read_layer<ops::Rnn>(node, build));
  return build.finish(std::move(op), node.inputs_up_to(6));
}

}  // namespace rekindle::onnx
