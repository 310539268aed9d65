// cpu.recurrent: rnn, gru and lstm; constant weights are packed at build.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/recurrent.h"

#include "backends/cpu/tactics/single_node.h"
#include "backends/cpu/tactics/table.h"
#include "math/rnn.h"
#include "math/rnn_activation.h"

namespace rekindle::cpu {

namespace {

/// What the three ops' structs have in common.
template <class Op>
Result<RecurrentParams> params_of(const Op& op, RecurrentCell cell, const std::vector<std::string>& usual) {
  RecurrentParams params;
  params.cell = cell;
  params.hidden = op.hidden_size;
  params.directions = op.direction == ops::RnnDirection::bidirectional ? 2 : 1;
  params.starts_reversed = op.direction == ops::RnnDirection::reverse;
  params.batch_first = op.layout == 1;
  params.clip = op.clip;
  RK_TRY(const auto activations, rnn_activations(Op::name, op.activations, op.activation_alpha,
                                                 op.activation_beta, usual, int(params.directions)));
  for (const RnnActivation& a : activations) {
    size_t i = 0;
    while (i < kGateFunctionNames.size() && kGateFunctionNames[i] != a.name) ++i;
    if (i == kGateFunctionNames.size())
      return refuse("the activation " + std::string(a.name) + " is not one of its own");
    params.functions.push_back(GateFunction(i));
    params.alphas.push_back(float(a.alpha));
    params.betas.push_back(float(a.beta));
  }
  return params;
}

struct Layer {
  const Node* node = nullptr;
  RecurrentParams params;
};

Result<Layer> as_layer(const Region& region) {
  if (region.body.node_count() != 1) return refuse("it takes one op at a time");
  Layer layer;
  layer.node = &region.body[region.body.first()];
  const Op& op = layer.node->op;
  if (const auto* rnn = op.as<ops::Rnn>()) {
    RK_TRY(layer.params, params_of(*rnn, RecurrentCell::rnn, {"Tanh"}));
  } else if (const auto* gru = op.as<ops::Gru>()) {
    RK_TRY(layer.params, params_of(*gru, RecurrentCell::gru, {"Sigmoid", "Tanh"}));
    layer.params.linear_before_reset = gru->linear_before_reset;
  } else if (const auto* lstm = op.as<ops::Lstm>()) {
    RK_TRY(layer.params, params_of(*lstm, RecurrentCell::lstm, {"Sigmoid", "Tanh", "Tanh"}));
    layer.params.input_forget = lstm->input_forget;
  } else {
    return refuse("the op is " + std::string(op.name()) + ", not rnn, gru or lstm");
  }
  RK_CHECK(needs_f32(region, layer.node->inputs[0]));
  const Dim inputs = region.body[layer.node->inputs[1]].type.shape[2];
  const auto known = inputs.as_int();
  if (!known) return refuse("the number of inputs, " + inputs.to_string() + ", is known only at run time");
  layer.params.inputs = *known;
  return layer;
}

class Recurrent final : public Tactic {
 public:
  std::string_view name() const override { return "cpu.recurrent"; }
  Result<Space> offer(const Region& region, const Target&) const override {
    RK_CHECK(as_layer(region).status());
    return Space();
  }
  Result<BuiltKernel> build(const Region& region, const Config&, const Target& target) const override {
    RK_TRY(Layer layer, as_layer(region));
    const std::vector<ValueId>& inputs = layer.node->inputs;
    BuiltKernel kernel;
    kernel.image.name = "cpu.recurrent";
    const Tensor *w = region.constant(inputs[1]), *r = region.constant(inputs[2]);
    layer.params.packed = w && r;
    for (size_t i = 0; i < 8; ++i) {
      KernelInput input;
      if (has_node_input(*layer.node, i)) {
        RK_TRY(input, kernel_input(region, inputs[i]));
      }
      kernel.inputs.push_back(std::move(input));
    }
    if (layer.params.packed) {
      Tensors blobs = pack_recurrent_weights(layer.params, *w, *r, target.isa);
      kernel.inputs[1] = {-1, std::move(blobs[0])};
      kernel.inputs[2] = {-1, std::move(blobs[1])};
    }
    kernel.image.params = to_bytes(layer.params);
    return kernel;
  }
};

}  // namespace

const Tactic& recurrent_tactic() {
  static const Recurrent tactic;
  return tactic;
}

}  // namespace rekindle::cpu
