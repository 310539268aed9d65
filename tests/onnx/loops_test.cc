// Loop, Scan and SequenceMap: what is carried, captured, stacked and grown, run by the graph's interpreter.
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "onnx/import.h"
#include "onnx/model_writer.h"

namespace rekindle::onnx {
namespace {

using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Imports the model, checks the graph and runs it; a failure is a test failure.
Tensors run(const GraphWriter& graph, const Tensors& inputs, int64_t opset = 17) {
  const std::string bytes = model_bytes(graph, opset);
  const auto imported = import_bytes(as_bytes(bytes));
  if (!imported.ok()) return ADD_FAILURE() << imported.status().to_string(), Tensors{};
  const Status sound = imported->graph.verify();
  EXPECT_TRUE(sound.ok()) << sound.to_string();
  const auto outputs = interpret(imported->graph, inputs);
  if (!outputs.ok()) return ADD_FAILURE() << outputs.status().to_string(), Tensors{};
  return *outputs;
}
std::string error_of(const GraphWriter& graph) {
  const std::string bytes = model_bytes(graph);
  const auto imported = import_bytes(as_bytes(bytes));
  return imported.ok() ? "imported" : imported.status().to_string();
}

/// sum' = sum + x, stacked in each iteration; x comes from outside.
GraphWriter summing_body() {
  GraphWriter body;
  body.input("i", "i64[]").input("go", "boolean[]").input("sum", "f32[2]");
  body.output("go_on").output("next").output("shown");
  body.node("Identity", {"go"}, {"go_on"})
      .node("Add", {"sum", "x"}, {"next"})
      .node("Identity", {"next"}, {"shown"});
  return body;
}

TEST(Loops, CarryCaptureAndStack) {
  GraphWriter g;
  g.input("n", "i64[]").input("x", "f32[2]").input("s", "f32[2]").output("total").output("all");
  g.node("Loop", {"n", "", "s"}, {"total", "all"}, {attr("body", summing_body())});
  const Tensors out =
      run(g, {Tensor::scalar<int64_t>(3), Tensor::of<float>({2}, {1, 2}), Tensor::of<float>({2}, {0, 5})});
  ASSERT_EQ(out.size(), 2u);
  EXPECT_THAT(out[0].values<float>(), ElementsAre(3, 11));
  EXPECT_EQ(out[1].dims(), (Dims{3, 2}));
  EXPECT_THAT(out[1].values<float>(), ElementsAre(1, 7, 2, 9, 3, 11));
}

TEST(Loops, ACarriedValueMayGrow) {
  GraphWriter body;
  body.input("i", "i64[]").input("go", "boolean[]").input("list", "f32[?]").output("go_on").output("longer");
  body.node("Identity", {"go"}, {"go_on"}).node("Concat", {"list", "x"}, {"longer"}, {attr("axis", 0)});
  GraphWriter g;
  g.input("n", "i64[]").input("x", "f32[1]").output("y");
  g.node("Loop", {"n", "", "x"}, {"y"}, {attr("body", body)});
  const Tensors out = run(g, {Tensor::scalar<int64_t>(3), Tensor::of<float>({1}, {4})});
  ASSERT_EQ(out.size(), 1u);
  EXPECT_THAT(out[0].values<float>(), ElementsAre(4, 4, 4, 4));
}

TEST(Loops, NestAndEndByTheirCondition) {
  GraphWriter inner;  // until the count reaches the outer iteration
  inner.input("j", "i64[]").input("go", "boolean[]").input("count", "i64[]").output("more").output("counted");
  inner.node("Add", {"count", "one"}, {"counted"}).node("Less", {"counted", "i"}, {"more"});
  GraphWriter body;
  body.input("i", "i64[]").input("go", "boolean[]").output("go_on").output("made");
  body.initializer("zero", Tensor::scalar<int64_t>(0));
  body.node("Identity", {"go"}, {"go_on"}).node("Loop", {"n", "go", "zero"}, {"made"}, {attr("body", inner)});
  GraphWriter g;
  g.input("n", "i64[]").output("y").initializer("one", Tensor::scalar<int64_t>(1));
  g.initializer("yes", Tensor::scalar<bool>(true));
  g.node("Loop", {"n", "yes"}, {"y"}, {attr("body", body)});
  const Tensors out = run(g, {Tensor::scalar<int64_t>(4)});
  ASSERT_EQ(out.size(), 1u);
  EXPECT_THAT(out[0].values<int64_t>(), ElementsAre(1, 1, 2, 3));
}

TEST(Loops, ScanGoesBackwardsAlongAnyAxis) {
  GraphWriter body;
  body.input("sum", "f32[2]").input("part", "f32[2]").output("next").output("shown");
  body.node("Add", {"sum", "part"}, {"next"}).node("Identity", {"next"}, {"shown"});
  GraphWriter g;
  g.input("s", "f32[2]").input("x", "f32[2, 3]").output("total").output("all");
  g.node("Scan", {"s", "x"}, {"total", "all"},
         {attr("body", body), attr("num_scan_inputs", 1), attr("scan_input_axes", ints({1})),
          attr("scan_input_directions", ints({1})), attr("scan_output_axes", ints({-1}))});
  const Tensors out =
      run(g, {Tensor::of<float>({2}, {0, 0}), Tensor::of<float>({2, 3}, {1, 2, 3, 10, 20, 30})});
  ASSERT_EQ(out.size(), 2u);
  EXPECT_THAT(out[0].values<float>(), ElementsAre(6, 60));
  EXPECT_THAT(out[1].values<float>(), ElementsAre(3, 5, 6, 30, 50, 60));
}

TEST(Loops, SequencesAreCarriedAndMapped) {
  GraphWriter body;
  body.input("a", "f32[N]").output("twice", "f32[N]").node("Add", {"a", "a"}, {"twice"});
  GraphWriter g;
  g.input("x", "f32[1]").input("y", "f32[2]").output("joined").output("count");
  g.node("SequenceConstruct", {"x", "y"}, {"s"}).node("SequenceMap", {"s"}, {"t"}, {attr("body", body)});
  g.node("ConcatFromSequence", {"t"}, {"joined"}, {attr("axis", 0)}).node("SequenceLength", {"t"}, {"count"});
  const Tensors out = run(g, {Tensor::of<float>({1}, {1}), Tensor::of<float>({2}, {2, 3})});
  ASSERT_EQ(out.size(), 2u);
  EXPECT_THAT(out[0].values<float>(), ElementsAre(2, 4, 6));
  EXPECT_THAT(out[1].values<int64_t>(), ElementsAre(2));
}

TEST(Loops, ErrorsSayWhatDoesNotFit) {
  GraphWriter wrong;
  wrong.input("i", "i64[]").input("go", "boolean[]").input("s", "f32[2]").output("go_on").output("next");
  wrong.node("Identity", {"go"}, {"go_on"}).node("Cast", {"s"}, {"next"}, {attr("to", 7)});
  GraphWriter g;
  g.input("n", "i64[]")
      .input("s", "f32[2]")
      .output("y")
      .node("Loop", {"n", "", "s"}, {"y"}, {attr("body", wrong)});
  EXPECT_THAT(error_of(g), HasSubstr("carried value 0 is f32[2] before the body and i64[2] after it"));
  GraphWriter few;
  few.input("i", "i64[]").output("go_on").node("Identity", {"i"}, {"go_on"});
  GraphWriter h;
  h.input("n", "i64[]").output("y").node("Loop", {"n", ""}, {"y"}, {attr("body", few)});
  EXPECT_THAT(error_of(h), HasSubstr("the body takes 1 values and makes 1, expected 2 and at least 1"));
}

}  // namespace
}  // namespace rekindle::onnx
