// rnn, gru, lstm against numbers from onnxruntime 1.32, both layouts, and what they refuse.
// SPDX-License-Identifier: Apache-2.0
#include "math/rnn.h"

#include <cmath>

#include "math/movement.h"
#include "run_op.h"

namespace rekindle::ops {
namespace {

using namespace rekindle::test;

constexpr int64_t kSteps = 3, kBatch = 2, kInputs = 3, kHidden = 2;

/// Values that any language makes the same way.
Tensor made(int64_t seed, Dims dims) {
  Tensor t(DType::f32, std::move(dims));
  for (int64_t i = 0; i < t.count(); ++i)
    t.data<float>()[i] = float((i * 37 + seed * 101) % 201 - 100) / 100.f;
  return t;
}

/// The inputs whose letter is in `given`: b, s (sequence_lens), h, c, p.
template <class Op> Tensors inputs_of(const Op& op, const std::string& given) {
  const int64_t d = op.direction == RnnDirection::bidirectional ? 2 : 1;
  const int64_t g = std::is_same_v<Op, Lstm> ? 4 : std::is_same_v<Op, Gru> ? 3 : 1;
  const auto has = [&](char letter) { return given.find(letter) != std::string::npos; };
  Tensors in{made(1, {kSteps, kBatch, kInputs}), made(2, {d, g * kHidden, kInputs}),
             made(3, {d, g * kHidden, kHidden})};
  in.push_back(has('b') ? made(4, {d, 2 * g * kHidden}) : Tensor());
  in.push_back(has('s') ? Tensor::of<int32_t>({kBatch}, {3, 1}) : Tensor());
  in.push_back(has('h') ? made(5, {d, kBatch, kHidden}) : Tensor());
  if (g == 4) {
    in.push_back(has('c') ? made(6, {d, kBatch, kHidden}) : Tensor());
    in.push_back(has('p') ? made(7, {d, 3 * kHidden}) : Tensor());
  }
  return in;
}

/// All outputs one after the other, in layout 0 and, transposed, in layout 1.
template <class Op>
void expect_outputs(Op op, const std::string& given, const std::vector<double>& expected) {
  const Tensors in = inputs_of(op, given);
  const Tensors out = run_all(op, in);
  ASSERT_FALSE(out.empty());
  size_t next = 0;
  for (const Tensor& t : out)
    for (int64_t i = 0; i < t.count(); ++i) {
      ASSERT_LT(next, expected.size());
      EXPECT_NEAR(t.as_double(i), expected[next], 5e-6) << given << " value " << next;
      ++next;
    }
  EXPECT_EQ(next, expected.size());

  op.layout = 1;
  Tensors batch_first = in;
  for (const size_t i : {size_t(0), size_t(5), size_t(6)})
    if (i < in.size() && !is_absent(in[i])) batch_first[i] = run(Transpose{{1, 0, 2}}, {in[i]});
  const Tensors other = run_all(op, batch_first);
  ASSERT_EQ(other.size(), out.size());
  EXPECT_TENSOR(other[0], run(Transpose{{2, 0, 1, 3}}, {out[0]}));
  for (size_t i = 1; i < out.size(); ++i) EXPECT_TENSOR(other[i], run(Transpose{{1, 0, 2}}, {out[i]}));
}

TEST(AgreesWithOnnxruntime, Lstm) {
  {
    Lstm op{2};
    op.direction = RnnDirection::forward;
    expect_outputs(op, "b",
                   {-0.0320968,  -0.0714459,  -0.141201, 0.00156833, -0.0378373,  -0.121512,  -0.202525,
                    0.000877182, -0.0684473,  -0.277069, -0.198733,  -0.00720763, -0.0684473, -0.277069,
                    -0.198733,   -0.00720763, -0.14694,  -0.456993,  -0.281261,   -0.0343363});
  }
  {
    Lstm op{2};
    op.direction = RnnDirection::forward;
    expect_outputs(op, "bshcp",
                   {-0.217968, -0.247537,  -0.305568, -0.0144944, -0.156166, -0.197849, 0,
                    0,         -0.10828,   -0.369504, 0,          0,         -0.10828,  -0.369504,
                    -0.305568, -0.0144944, -0.252456, -0.554148,  -0.487886, -0.0856349});
  }
  {
    Lstm op{2};
    op.direction = RnnDirection::reverse;
    op.clip = 0.3f;
    expect_outputs(op, "bshcp",
                   {-0.171463, -0.153922,  -0.151624, -0.0265152, -0.174453, -0.149962, 0,
                    0,         -0.20875,   -0.193025, 0,          0,         -0.171463, -0.153922,
                    -0.151624, -0.0265152, -0.334694, -0.378834,  -0.270349, -0.0623878});
  }
}

TEST(AgreesWithOnnxruntime, LstmOptions) {
  {
    Lstm op{2};
    op.direction = RnnDirection::bidirectional;
    op.activations = {"Sigmoid", "Tanh", "Relu", "HardSigmoid", "Softsign", "LeakyRelu"};
    op.activation_alpha = {0.25f, 0.05f};
    op.activation_beta = {0.4f};
    expect_outputs(
        op, "bsh",
        {0.0038637, 0,         0,         0,         -0.0145241, 0.0136794,    -0.00454391, -0.000575236,
         0,         0,         0,         0,         -0.0117621, 0.0025948,    0,           0,
         0,         0,         0,         0,         0.0772375,  -8.90454e-05, 0,           0,
         0,         0,         0,         0,         -0.0145241, 0.0136794,    -0.00454391, -0.000575236,
         -0.131775, -0.534883, -0.287461, -0.136609, -0.443374,  0.0235056,    -0.315631,   -0.0117255});
  }
  {
    Lstm op{2};
    op.direction = RnnDirection::forward;
    op.input_forget = true;
    expect_outputs(op, "bhcp",
                   {-0.259115,  -0.216178,   -0.265837, -0.0155085, -0.251815,   -0.115894, -0.282654,
                    -0.0047031, -0.224831,   -0.128087, -0.26238,   -0.00428795, -0.224831, -0.128087,
                    -0.26238,   -0.00428795, -0.747881, -0.192187,  -0.417087,   -0.0204893});
  }
  {
    Lstm op{2};
    op.direction = RnnDirection::bidirectional;
    expect_outputs(
        op, "", {0.0491603,  -0.159263, 0.138093, -0.0178676, -0.0971408, 0.0183588,  -0.172181, 0.200641,
                 0.0424803,  -0.238053, 0.209049, -0.0710973, 0.037897,   -0.0243889, -0.18003,  0.13731,
                 -0.0450063, -0.399894, 0.216556, -0.131545,  0.150531,   -0.0810894, -0.138959, 0.0649656,
                 -0.0450063, -0.399894, 0.216556, -0.131545,  -0.0971408, 0.0183588,  -0.172181, 0.200641,
                 -0.129229,  -0.552901, 0.396513, -0.357203,  -0.144174,  0.0424194,  -0.434683, 0.277581});
  }
}

TEST(AgreesWithOnnxruntime, Gru) {
  {
    Gru op{2};
    op.direction = RnnDirection::forward;
    expect_outputs(op, "b",
                   {0.763818, -0.136524, 0.591076, -0.587398, 0.869767, -0.145532, 0.879112, -0.649987,
                    0.739483, 0.502452, 0.954971, -0.641196, 0.739483, 0.502452, 0.954971, -0.641196});
  }
  {
    Gru op{2};
    op.direction = RnnDirection::forward;
    op.linear_before_reset = true;
    expect_outputs(op, "bh",
                   {0.548456, 0.24608, 0.91625, -0.636712, 0.601111, 0.225305, 0.951047, -0.506592, 0.239908,
                    0.720026, 0.936169, -0.401481, 0.239908, 0.720026, 0.936169, -0.401481});
  }
  {
    Gru op{2};
    op.direction = RnnDirection::bidirectional;
    op.linear_before_reset = true;
    op.clip = 0.5f;
    expect_outputs(op, "bsh",
                   {0.298975, 0.246474, 0.578355, -0.636712, 0.397042,   -0.434323, 0.00956197, 0.339651,
                    0.400524, 0.248569, 0,        0,         0.289752,   -0.388499, 0,          0,
                    0.334795, 0.381494, 0,        0,         0.00556986, -0.267122, 0,          0,
                    0.334795, 0.381494, 0.578355, -0.636712, 0.397042,   -0.434323, 0.00956197, 0.339651});
  }
  {
    Gru op{2};
    op.direction = RnnDirection::reverse;
    op.activations = {"HardSigmoid", "ScaledTanh"};
    op.activation_alpha = {0.3f, 1.5f};
    op.activation_beta = {0.45f, 0.7f};
    expect_outputs(op, "bsh",
                   {1.06992, -0.0314344, 1.27435, -0.912789, 0.607558, 0.272418, 0, 0, 0.408111, 1.18867, 0,
                    0, 1.06992, -0.0314344, 1.27435, -0.912789});
  }
}

TEST(AgreesWithOnnxruntime, Rnn) {
  {
    Rnn op{2};
    op.direction = RnnDirection::forward;
    expect_outputs(op, "b",
                   {-0.929268, 0.338502, 0.0209969, -0.748968, -0.958747, -0.330176, -0.579213, 0.0131485,
                    -0.969243, -0.832704, -0.644981, -0.666808, -0.969243, -0.832704, -0.644981, -0.666808});
  }
  {
    Rnn op{2};
    op.direction = RnnDirection::bidirectional;
    op.activations = {"Relu", "Affine"};
    op.activation_alpha = {0.5f};
    op.activation_beta = {0.1f};
    expect_outputs(op, "bsh", {0, 0.0232,   0, 0.3802, -0.0893729, 0.204676, 0.3178, 0.28725,
                               0, 0.640684, 0, 0,      -0.275456,  0.397346, 0,      0,
                               0, 0,        0, 0,      -0.2133,    0.98425,  0,      0,
                               0, 0,        0, 0.3802, -0.0893729, 0.204676, 0.3178, 0.28725});
  }
  {
    Rnn op{2};
    op.direction = RnnDirection::reverse;
    op.clip = 0.2f;
    expect_outputs(op, "sh",
                   {-0.197375, 0.197375, 0.197375, 0.197375, -0.197375, 0.197375, 0, 0, -0.197375, -0.197375,
                    0, 0, -0.197375, 0.197375, 0.197375, 0.197375});
  }
}

TEST(Recurrent, Edges) {
  Lstm lstm{kHidden};
  Tensors in = inputs_of(lstm, "shc");
  in[4] =
      Tensor::of<int32_t>({kBatch}, {0, 3});  // an empty sequence: all zeros, the initial state does not show
  Tensors out = run_all(lstm, in);
  for (const size_t i : {size_t(1), size_t(2)})
    for (int64_t j = 0; j < kHidden; ++j) {
      EXPECT_EQ(out[i].as_double(j), 0);
      EXPECT_NE(out[i].as_double(kHidden + j), 0);
    }
  in = inputs_of(lstm, "");
  in[0] = Tensor(DType::f32, {0, kBatch, kInputs});
  out = run_all(lstm, in);
  EXPECT_EQ(out[0].dims(), (Dims{0, 1, kBatch, kHidden}));
  in = inputs_of(lstm, "");
  in[0] = Tensor(DType::f32, {kSteps, 0, kInputs});
  EXPECT_EQ(run_all(lstm, in)[1].dims(), (Dims{1, 0, kHidden}));
  in = inputs_of(Gru{kHidden}, "");  // halves round once, at the end
  Tensors halves;
  for (const Tensor& t : in) halves.push_back(is_absent(t) ? t : *cast(t, DType::f16));
  const Tensor half = run(Gru{kHidden}, halves), full = run(Gru{kHidden}, in);
  for (int64_t i = 0; i < full.count(); ++i) EXPECT_NEAR(half.as_double(i), full.as_double(i), 2e-3);
}

TEST(Recurrent, Refuses) {
  const Lstm lstm{kHidden};
  const Tensors good = inputs_of(lstm, "bshcp");
  const auto with = [&](size_t i, Tensor t) {
    Tensors in = good;
    in[i] = std::move(t);
    return error_of(lstm, in);
  };
  EXPECT_EQ(with(0, Tensor(DType::f32, {2, 3})), "lstm: x is f32[2, 3], expected rank 3");
  EXPECT_EQ(with(1, Tensor(DType::f32, {1, 8, 4})), "lstm: dim 2 of w is 4, expected 3");
  EXPECT_EQ(with(2, Tensor(DType::f32, {8, 2})), "lstm: r is f32[8, 2], expected rank 3");
  EXPECT_EQ(with(3, Tensor(DType::f32, {2, 16})), "lstm: dim 0 of b is 2, expected 1");
  EXPECT_EQ(with(4, Tensor::of<int32_t>({2}, {4, 1})),
            "lstm: sequence 0 has the length 4, expected 0 to the 3 steps of x");
  EXPECT_EQ(with(4, Tensor::of<int32_t>({2}, {1, -1})),
            "lstm: sequence 1 has the length -1, expected 0 to the 3 steps of x");
  EXPECT_EQ(with(4, Tensor::of<int32_t>({3}, {1, 1, 1})), "lstm: dim 0 of sequence_lens is 3, expected 2");
  EXPECT_EQ(with(5, Tensor(DType::f64, {1, 2, 2})), "lstm: input 5 is f64, expected f32 like x");
  EXPECT_EQ(with(7, Tensor(DType::f32, {1, 8})), "lstm: dim 1 of p is 8, expected 6");
  EXPECT_EQ(error_of(Lstm{0}, good), "lstm: hidden_size is 0, expected 1 to 2^31");
  EXPECT_EQ(error_of(Lstm{INT64_MAX}, good), "lstm: hidden_size is 9223372036854775807, expected 1 to 2^31");
  EXPECT_EQ(error_of(Lstm{2, RnnDirection::forward, 2}, good), "lstm: layout is 2, expected 0 or 1");
  Rnn rnn{kHidden};
  rnn.activations = {"Tanh", "Tanh"};
  EXPECT_EQ(error_of(rnn, inputs_of(rnn, "")), "rnn: 2 activations are given, expected 1");
  rnn.activations = {"Swish"};
  EXPECT_EQ(error_of(rnn, inputs_of(rnn, "")),
            "rnn: the activation \"Swish\" is not known, expected one of relu, tanh, sigmoid, affine, "
            "leakyrelu, thresholdedrelu, "
            "scaledtanh, hardsigmoid, elu, softsign, softplus");
  EXPECT_EQ(inferred(lstm, {type("f32[T, B, 3]"), type("f32[1, 8, 3]"), type("f32[1, 8, 2]")}),
            "f32[T, 1, B, 2] f32[1, B, 2] f32[1, B, 2]");
}

}  // namespace
}  // namespace rekindle::ops
