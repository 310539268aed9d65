// What the oneDNN tactics and cpu.conv_transpose offer, refuse and make of whole regions.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/onednn.h"

#include "math/conv.h"
#include "math/elementwise.h"
#include "math/matmul.h"
#include "tactic_test.h"

namespace rekindle::cpu {
namespace {

/// op(x, w) with constant w, then relu.
template <class T> Graph with_relu(const T& op, const TensorType& x, const TensorType& w) {
  Graph body;
  const ValueId in = body.add_input("x", x), weights = body.add_input("w", w);
  const auto product = body.add(op, {in, weights});
  EXPECT_TRUE(product.ok()) << product.status().to_string();
  const auto result = body.add(ops::Relu{}, {(*product)[0]});
  EXPECT_TRUE(result.ok());
  body.set_outputs(*result);
  return body;
}

template <class T>
void expect_relu_of(const char* tactic, const T& op, const Tensor& x, const Tensor& w, double tolerance) {
  const auto expected = op.evaluate(std::vector<Tensor>{x, w});
  ASSERT_TRUE(expected.ok()) << expected.status().to_string();
  Tensor positive = (*expected)[0].clone();
  for (int64_t i = 0; i < positive.count(); ++i)
    positive.data<float>()[i] = std::max(0.0f, positive.data<float>()[i]);
  Graph body = with_relu(op, x.type(), w.type());
  const NodeId anchor = body.first();
  const auto got = run_region(tactic, std::move(body), anchor, {x, w}, detect_isa(), 2, {false, true});
  ASSERT_TRUE(got.ok()) << tactic << ": " << got.status().to_string();
  EXPECT_TRUE(near((*got)[0], positive, tolerance, 2e-5)) << tactic;
}

ops::Conv convolution() {
  return {{1, 1}, {1, 1}, {1, 1, 1, 1}, 1, ops::AutoPad::explicit_pads, ops::Layout::nhwc};
}
ops::ConvTranspose transposed(ops::AutoPad pad) {
  ops::ConvTranspose op;
  op.strides = {2, 2}, op.auto_pad = pad, op.layout = ops::Layout::nhwc;
  return op;
}

TEST(OnednnTactics, RegionsMatchTheReference) {
  const Tensor x = random_tensor({1, 9, 8, 20}, 1), w = random_tensor({24, 20, 3, 3}, 2);
  expect_relu_of("cpu.onednn.conv", convolution(), x, w, 1e-4);
  const Tensor turned = random_tensor({20, 7, 3, 3}, 3);
  for (const auto pad : {ops::AutoPad::explicit_pads, ops::AutoPad::same_upper, ops::AutoPad::same_lower})
    for (const char* tactic : {"cpu.conv_transpose", "cpu.onednn.conv_transpose"})
      expect_relu_of(tactic, transposed(pad), x, turned, 1e-4);
  const Tensor a = random_tensor({3, 5, 16}, 4), b = random_tensor({16, 11}, 5);
  expect_relu_of("cpu.onednn.matmul", ops::Matmul{}, a, b, 1e-4);
  if (!onednn_has_bf16()) return;
  expect_relu_of("cpu.onednn.conv.bf16", convolution(), x, w, 0.2);
  expect_relu_of("cpu.onednn.matmul.bf16", ops::Matmul{}, a, b, 0.1);
}

std::string refusal(const char* name, const TensorType& x, Isa isa) {
  Region region;
  const Tensor w = random_tensor({24, 20, 3, 3}, 2);
  region.body = with_relu(convolution(), x, w.type());
  region.anchor = region.body.first();
  region.constants = {nullptr, std::make_shared<const Tensor>(w)};
  Target target;
  target.isa = isa;
  for (const Tactic* t : tactics())
    if (t->name() == name) return t->offer(region, target).status().message();
  return "no such tactic";
}

TEST(OnednnTactics, RefuseWhatTheyCannotDoWell) {
  const TensorType fixed{DType::f32, {1, 9, 8, 20}}, changing{DType::f32, {1, Dim::symbol("H"), 8, 20}};
  EXPECT_EQ(refusal("cpu.onednn.conv", fixed, detect_isa()), "");
  EXPECT_EQ(refusal("cpu.onednn.conv", changing, detect_isa()),
            "its sizes change, and oneDNN makes new code for each");
  if (onednn_isa() > Isa::baseline) {
    EXPECT_EQ(refusal("cpu.onednn.conv", fixed, Isa::baseline),
              "oneDNN would use " + std::string(enum_name(onednn_isa())) + ", the target allows baseline");
  }
  EXPECT_EQ(refusal("cpu.onednn.matmul", fixed, detect_isa()), "the anchor is conv, not matmul");
  EXPECT_EQ(refusal("cpu.conv_transpose", fixed, detect_isa()), "the anchor is conv, not conv_transpose");
}

}  // namespace
}  // namespace rekindle::cpu
