// cpu.recurrent against the references of rnn, gru and lstm.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/recurrent.h"

#include <cmath>

#include "math/rnn.h"
#include "tactic_test.h"

namespace rekindle::cpu {
namespace {

struct Sizes {
  int64_t steps, batch, inputs, hidden;
};
enum Extras : unsigned { none = 0, biases = 1, lengths = 2, states = 4, peepholes = 8 };

/// Inputs of a layer; absent tensors where `extras` does not ask for them.
template <class T> Tensors inputs_for(const T& op, int64_t gates, const Sizes& s, unsigned extras) {
  const int64_t d = op.direction == ops::RnnDirection::bidirectional ? 2 : 1, h = s.hidden;
  const bool batch_first = op.layout == 1;
  const float small = 1 / std::sqrt(float(h));  // states that shrink: errors do not grow from step to step
  const Dims state = batch_first ? Dims{s.batch, d, h} : Dims{d, s.batch, h};
  Tensors in{random_tensor(batch_first ? Dims{s.batch, s.steps, s.inputs} : Dims{s.steps, s.batch, s.inputs},
                           1, -2, 2),
             random_tensor({d, gates * h, s.inputs}, 2),
             random_tensor({d, gates * h, h}, 3, -small, small),
             Tensor(),
             Tensor(),
             Tensor()};
  if (extras & biases) in[3] = random_tensor({d, 2 * gates * h}, 4);
  if (extras & lengths) {
    in[4] = Tensor(DType::i32, {s.batch});
    for (int64_t b = 0; b < s.batch; ++b) in[4].set_double(b, double((3 * b + s.steps) % (s.steps + 1)));
  }
  if (extras & states) in[5] = random_tensor(state, 5);
  if (gates == 4) {
    in.push_back(extras & states ? random_tensor(state, 6) : Tensor());
    in.push_back(extras & peepholes ? random_tensor({d, 3 * h}, 7) : Tensor());
  }
  return in;
}

/// With weights that come at run time, and with weights packed at build.
template <class T> void expect_same(const T& op, const Tensors& inputs) {
  expect_like_reference("cpu.recurrent", op, inputs, 2e-5, 2e-5);
  const auto expected = op.evaluate(inputs);
  ASSERT_TRUE(expected.ok()) << expected.status().message();
  for (const Isa isa : isa_levels()) {
    Graph body;
    std::vector<ValueId> values;
    Tensors present;
    std::vector<bool> constants;
    for (size_t i = 0; i < inputs.size(); ++i) {
      values.push_back(inputs[i].has_data() ? body.add_input("x", inputs[i].type()) : ValueId::none);
      if (inputs[i].has_data()) present.push_back(inputs[i]), constants.push_back(i == 1 || i == 2);
    }
    const auto outputs = body.add(op, values);
    ASSERT_TRUE(outputs.ok()) << outputs.status().message();
    body.set_outputs(*outputs);
    const NodeId node = body.first();
    const auto got = run_region("cpu.recurrent", std::move(body), node, present, isa, 2, constants);
    ASSERT_TRUE(got.ok()) << got.status().message();
    for (size_t i = 0; i < got->size(); ++i)
      EXPECT_TRUE(near((*got)[i], (*expected)[i], 2e-5, 2e-5)) << "packed, output " << i;
  }
}

const std::vector<Sizes>& sizes() {
  static const std::vector<Sizes> list = {{1, 1, 1, 1},   {3, 2, 5, 7},    {5, 13, 3, 17},
                                          {2, 1, 40, 64}, {23, 1, 31, 37}, {4, 3, 0, 2}};
  return list;
}
constexpr ops::RnnDirection kDirections[] = {ops::RnnDirection::forward, ops::RnnDirection::reverse,
                                             ops::RnnDirection::bidirectional};

template <class T> void sweep(T op, int64_t gates, unsigned most_extras) {
  unsigned extras = 0;
  for (const Sizes& s : sizes())
    for (const auto direction : kDirections)
      for (const int64_t layout : {0, 1}) {
        op.hidden_size = s.hidden, op.direction = direction, op.layout = layout;
        extras = (extras + 7) % (most_extras + 1);  // every combination within the sweep
        SCOPED_TRACE("extras " + std::to_string(extras) + " steps " + std::to_string(s.steps));
        expect_same(op, inputs_for(op, gates, s, extras));
      }
}

TEST(RecurrentTactic, RunsRnn) { sweep(ops::Rnn{}, 1, biases | lengths | states); }
TEST(RecurrentTactic, RunsGru) {
  sweep(ops::Gru{}, 3, biases | lengths | states);
  ops::Gru linear;
  linear.linear_before_reset = true;
  sweep(linear, 3, biases | lengths | states);
}
TEST(RecurrentTactic, RunsLstm) {
  sweep(ops::Lstm{}, 4, biases | lengths | states | peepholes);
  ops::Lstm tied;
  tied.input_forget = true, tied.clip = 0.3f;
  sweep(tied, 4, biases | lengths | states | peepholes);
}

TEST(RecurrentTactic, KnowsEveryActivation) {
  for (const std::string_view name : kGateFunctionNames) {
    ops::Rnn rnn;
    rnn.hidden_size = 19, rnn.activations = {std::string(name)};
    expect_same(rnn, inputs_for(rnn, 1, {3, 2, 4, 19}, biases | states));
    ops::Lstm lstm;
    lstm.hidden_size = 5, lstm.clip = 0.8f;
    lstm.activations = {"Sigmoid", std::string(name), "Tanh"};
    expect_same(lstm, inputs_for(lstm, 4, {3, 2, 4, 5}, biases));
  }
  ops::Rnn scaled;
  scaled.hidden_size = 3, scaled.direction = ops::RnnDirection::bidirectional;
  scaled.activations = {"ScaledTanh", "Affine"}, scaled.activation_alpha = {0.5f, 0.25f},
  scaled.activation_beta = {1.5f, 0.1f};
  expect_same(scaled, inputs_for(scaled, 1, {4, 2, 3, 3}, biases));
}

TEST(RecurrentTactic, CrossesChunksOfSteps) {
  ops::Lstm op;
  op.hidden_size = 96, op.direction = ops::RnnDirection::bidirectional;
  expect_same(op, inputs_for(op, 4, {401, 3, 6, 96}, biases | lengths | states));
}

TEST(RecurrentTactic, TakesNoStepsAndNoSequences) {
  ops::Gru op;
  op.hidden_size = 4;
  expect_same(op, inputs_for(op, 3, {0, 2, 3, 4}, biases | states));
  expect_same(op, inputs_for(op, 3, {3, 0, 3, 4}, biases | lengths));
}

TEST(RecurrentTactic, RefusesWithReasons) {
  ops::Rnn op;
  op.hidden_size = 2;
  Tensors in;
  for (const Dims& dims : {Dims{1, 1, 3}, Dims{1, 2, 3}, Dims{1, 2, 2}}) in.emplace_back(DType::f64, dims);
  const auto got = run_op("cpu.recurrent", op, in, Isa::baseline, 1);
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.status().message(), "the type is f64, needs f32");
}

TEST(RecurrentTactic, RejectsLengthsPastTheSteps) {
  ops::Rnn op;
  op.hidden_size = 2;
  Tensors in = inputs_for(op, 1, {3, 1, 2, 2}, lengths);
  in[4].set_double(0, 4);
  const auto got = run_op("cpu.recurrent", op, in, Isa::baseline, 1);
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.status().message(), "recurrent: sequence 0 has the length 4, expected 0 to the 3 steps of x");
}

TEST(RecurrentKernel, RejectsDamagedParameters) {
  RecurrentParams p;
  p.functions = {GateFunction::tanh};
  p.alphas = p.betas = {0};
  EXPECT_EQ(launch("cpu.recurrent", to_bytes(p), Isa::baseline, {}, {}).message(),
            "recurrent: 1 activations, expected 3");
  p.cell = RecurrentCell::rnn;
  EXPECT_EQ(launch("cpu.recurrent", to_bytes(p), Isa::baseline, {}, {}).message(),
            "recurrent: 0 inputs and 0 outputs, expected 8 and 2");
  p.hidden = 0;
  EXPECT_EQ(launch("cpu.recurrent", to_bytes(p), Isa::baseline, {}, {}).message(),
            "recurrent: 1 inputs and 0 hidden units");
}

}  // namespace
}  // namespace rekindle::cpu
