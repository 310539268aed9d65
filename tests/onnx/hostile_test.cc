// Models that are well-formed but mean harm or nonsense: each is refused with its cause, in little time and
// memory.
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <limits>

#include "onnx/import.h"
#include "onnx/model_text.h"

namespace rekindle::onnx {
namespace {

using namespace test;
using testing::HasSubstr;

/// The error of importing, or of running on the inputs; "ok" when neither fails. Slow ones fail the test.
std::string error_of(const std::string& bytes, const Tensors& inputs = {}) {
  const auto start = std::chrono::steady_clock::now();
  const auto imported = import_bytes(as_bytes(bytes));
  std::string message = imported.status().message();
  if (imported.ok()) {
    EXPECT_TRUE(imported->graph.verify().ok());
    if (imported->graph.inputs.size() == inputs.size())
      message = interpret(imported->graph, inputs).status().to_string();
  }
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 5.0);
  return message;
}
std::string error_of_text(std::string_view text, const Tensors& inputs = {}) {
  return error_of(model(text), inputs);
}

struct Line {
  const char* model;
  const char* error;
};
void expect_errors(std::span<const Line> lines) {
  for (const Line& line : lines) EXPECT_THAT(error_of_text(line.model), HasSubstr(line.error)) << line.model;
}

/// Past the wire format too: what still reads as a model must be refused or imported, whatever it says.
TEST(Hostile, SurvivesBitFlips) {
  const std::string whole = model(
      "x: f32[N, 3, 8, 8]; w = f32[4, 3, 1, 1] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}; c = Conv(x, w) "
      "{pads=[0, 0, 0, 0]}; "
      "s = i64[2] {0, -1}; r = Reshape(c, s); a, b = Split(r) {axis=1}; y = Concat(a, b) {axis=1}");
  ASSERT_EQ(error_of(whole), "");
  uint64_t state = 7;
  int imported = 0;
  for (int seed = 0; seed < 1000; ++seed) {
    std::string bytes = whole;
    for (int flip = 0; flip < 2; ++flip) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      bytes[(state >> 33) % bytes.size()] ^= char(1 << ((state >> 60) & 7));
    }
    imported += import_bytes(as_bytes(bytes)).ok() ? 1 : 0;
  }
  EXPECT_GT(imported, 50);  // the flips reach past the reader
  EXPECT_LT(imported, 950);
}

TEST(Hostile, GraphsThatAreNone) {
  const Line lines[] = {
      {"x: f32[2]; a = Relu(b); b = Relu(a)", "the nodes form a cycle: node "},
      {"x: f32[2]; a = Add(x, a)", "the nodes form a cycle: node 0 'Add'"},
      {"x: f32[2]; a = Relu(x); a = Neg(x)", "node 1 (Neg, opset 17): output 'a' is already made by node 0"},
      {"x: f32[2]; x = Neg(x)", "output 'x' is already an input or initializer"},
      {"x: f32[2]; x: f32[3]; a = Neg(x)", "input 'x' is there twice"},
      {"w = f32[1] {1}; w = f32[1] {2}; a = Neg(w)", "initializer 'w' is there twice"},
      {"x: f32[2]; a = Neg(x); return b", "output 'b': 'b' is made by no node, input or initializer"},
      {"x: f32[2]; a = Neg(x); return a, a", "output 'a' is listed twice"},
  };
  expect_errors(lines);
  EXPECT_THAT(error_of_text("x: f32[2]; y = microsoft::Unheard(x)"),
              HasSubstr("op 'Unheard' of domain 'com.microsoft' (opset 1) is not supported"));
  EXPECT_THAT(error_of(model_bytes(GraphWriter())), HasSubstr("the graph has no outputs"));
}

TEST(Hostile, DeepNestingOfBranches) {
  GraphWriter inner;
  inner.output("r0").node("Relu", {"x"}, {"r0"});
  for (int i = 1; i <= 40; ++i) {
    GraphWriter outer;
    const std::string out = "r" + std::to_string(i);
    outer.output(out).node("If", {"c"}, {out},
                           {attr("then_branch", inner), attr("else_branch", GraphWriter(inner))});
    if (outer.bytes().size() > (1u << 20)) break;  // both branches double it
    inner = outer;
  }
  GraphWriter g;
  g.input("c", "boolean[]").input("x", "f32[2]").output("y");
  g.node("If", {"c"}, {"y"}, {attr("then_branch", inner), attr("else_branch", inner)});
  (void)error_of(model_bytes(g));  // whatever it says, it says it in time
}

TEST(Hostile, LoopsAreNotUnrolled) {
  GraphWriter body;
  body.input("i", "i64[]").input("go", "boolean[]").input("s", "f32[2]").output("g").output("t");
  body.node("Identity", {"go"}, {"g"}).node("Neg", {"s"}, {"t"});
  GraphWriter g;
  g.input("x", "f32[2]").output("y").initializer("n", Tensor::scalar<int64_t>(int64_t(1) << 62));
  g.node("Loop", {"n", "", "x"}, {"y"}, {attr("body", body)});
  const std::string bytes = model_bytes(g);
  const auto imported = import_bytes(as_bytes(bytes));
  ASSERT_TRUE(imported.ok()) << imported.status().to_string();
  EXPECT_EQ(imported->graph.node_count(), 1u);
}

TEST(Hostile, BombsFromConstants) {
  // 2^50 elements from a few bytes; nothing is made while importing, and running is refused
  for (const char* text :
       {"s = i64[1] {1125899906842624}; y = ConstantOfShape(s)",
        "x = f32[1] {1}; s = i64[1] {1125899906842624}; y = Expand(x, s)",
        "x = f32[1] {1}; s = i64[1] {1125899906842624}; y = Tile(x, s)",
        "a = i64[] {0}; b = i64[] {1125899906842624}; d = i64[] {1}; y = Range(a, b, d)",
        "x = f32[1, 1, 1, 1] {1}; s = f32[4] {1, 1, 33554432, 33554432}; y = Resize(x, _, s)",
        "x = f32[1] {1}; p = i64[2] {1125899906842624, 0}; y = Pad(x, p)"})
    EXPECT_NE(error_of_text(text), "ok") << text;
  EXPECT_THAT(error_of_text("a = f32[] {0}; b = f32[] {1e30}; d = f32[] {1e-30}; y = Range(a, b, d)"),
              HasSubstr("expected fewer than 2^48"));
}

TEST(Hostile, BombsFromInputs) {
  const Tensor huge = Tensor::of<int64_t>({1}, {int64_t(1) << 50});
  EXPECT_NE(error_of_text("s: i64[1]; y = ConstantOfShape(s)", {huge}), "ok");
  EXPECT_NE(error_of_text("s: i64[1]; x = f32[1] {1}; y = Expand(x, s)", {huge}), "ok");
  EXPECT_NE(error_of_text("s: i64[1]; x = f32[1] {1}; y = Tile(x, s)", {huge}), "ok");
  const Tensor zero = Tensor::scalar<int64_t>(0), limit = Tensor::scalar<int64_t>(int64_t(1) << 50),
               one = Tensor::scalar<int64_t>(1);
  EXPECT_NE(error_of_text("a: i64[]; b: i64[]; d: i64[]; y = Range(a, b, d)", {zero, limit, one}), "ok");
}

TEST(Hostile, IndicesOutOfRange) {
  for (const int64_t index : {int64_t(3), int64_t(-4), INT64_MAX, INT64_MIN}) {
    const Tensor i = Tensor::of<int64_t>({1}, {index}), pair = Tensor::of<int64_t>({1, 1}, {index});
    const Tensor u = Tensor::of<float>({1}, {9});
    EXPECT_NE(error_of_text("i: i64[1]; x = f32[3] {1, 2, 3}; y = Gather(x, i)", {i}), "ok") << index;
    EXPECT_NE(error_of_text("i: i64[1]; x = f32[3] {1, 2, 3}; y = GatherElements(x, i)", {i}), "ok") << index;
    EXPECT_NE(error_of_text("i: i64[1, 1]; x = f32[3] {1, 2, 3}; y = GatherND(x, i)", {pair}), "ok") << index;
    EXPECT_NE(
        error_of_text("i: i64[1]; u: f32[1]; x = f32[3] {1, 2, 3}; y = ScatterElements(x, i, u)", {i, u}),
        "ok")
        << index;
    EXPECT_NE(
        error_of_text("i: i64[1, 1]; u: f32[1]; x = f32[3] {1, 2, 3}; y = ScatterND(x, i, u)", {pair, u}),
        "ok")
        << index;
  }
  EXPECT_NE(error_of_text("i = i64[1] {7}; x: f32[3]; y = Gather(x, i)", {Tensor::of<float>({3}, {1, 2, 3})}),
            "ok");
}

TEST(Hostile, WindowsThatCannotBe) {
  for (const char* text :
       {"x: f32[1, 3, 8]; w: f32[4, 3, 3, 3]; y = Conv(x, w)",
        "x: f32[1, 3, 8]; w: f32[4, 3, 3]; y = Conv(x, w) {group=0}",
        "x: f32[1, 3, 8]; w: f32[4, 3, 3]; y = Conv(x, w) {strides=[0]}",
        "x: f32[1, 3, 8]; w: f32[4, 3, 3]; y = Conv(x, w) {dilations=[2147483648]}",
        "x: f32[1, 3, 8]; w: f32[4, 3, 3]; y = Conv(x, w) {pads=[-1, 0]}",
        "x: f32[1, 3, 8]; w: f32[4, 3, 3]; y = Conv(x, w) {pads=[9223372036854775807, 9223372036854775807]}",
        "x: f32[1, 3, 8]; w: f32[4, 3, 30]; y = Conv(x, w)",
        "x: f32[1, 3, 8]; y = MaxPool(x) {kernel_shape=[9]}",
        "x: f32[1, 3, 8]; y = MaxPool(x) {kernel_shape=[0]}",
        "x: f32[1, 3, 8]; y = AveragePool(x) {kernel_shape=[2, 2]}"})
    EXPECT_THAT(error_of_text(text), HasSubstr("node 0 (")) << text;
  // a small constant under a huge kernel must not be computed while importing
  (void)error_of(
      model("x = f32[1, 1, 1] {1}; y = AveragePool(x) {kernel_shape=[1073741824], pads=[1073741823, 0]}; q: "
            "f32[2]; z = Relu(q); return y, z"));
}

TEST(Hostile, ShapesThatCannotBe) {
  const Line lines[] = {
      {"x: f32[2, 6]; s = i64[2] {-1, -1}; y = Reshape(x, s)", "has more than one -1"},
      {"x: f32[2, 6]; s = i64[2] {-2, 6}; y = Reshape(x, s)", "has the dim -2"},
      {"x: f32[2, 6]; s = i64[1] {5}; y = Reshape(x, s)", "cannot become"},
      {"x: f32[7]; s = i64[2] {3, 5}; a, b = Split(x, s)", "the parts add up to 8, expected 7"},
      {"x: f32[7]; s = i64[2] {-1, 8}; a, b = Split(x, s)", "a part has the size -1"},
      {"x: f32[7]; s = i64[1] {0}; e = i64[1] {5}; a = i64[1] {0}; t = i64[1] {0}; y = Slice(x, s, e, a, t)",
       "is 0"},
      {"x: f32[7]; s = i64[1] {0}; e = i64[1] {5}; a = i64[1] {0}; t = i64[1] {-9223372036854775808}; y = "
       "Slice(x, s, e, a, t)",
       "is -2^63"},
      {"x: f32[2, 3]; y = Transpose(x) {perm=[1, 1]}", "expected each axis once"},
      {"x: f32[2]; e = i64[1] {-3}; y = Expand(x, e)", "has the dim -3"},
      {"x: f32[2, 3]; y = Concat(x, x) {axis=9223372036854775807}", "axis"},
      {"x: f32[2, 3]; y = Flatten(x) {axis=-9223372036854775808}", "is outside rank 2"},
      {"x: f32[1, 4, 2, 2]; y = DepthToSpace(x) {blocksize=9223372036854775807}", "expected 1 to 65536"},
      {"x: f32[2]; k = i64[1] {3}; v, i = TopK(x, k)", "node 0 (TopK"},
      {"x: f32[2, 3]; y = Einsum(x) {equation=\"i->->j\"}", "node 0 (Einsum"},
      {"x: f32[2, 3]; y = Einsum(x) {equation=\"ijk\"}", "node 0 (Einsum"},
      {"x: f32[2, 3]; w: f32[1, 4, 3]; r: f32[1, 4, 4]; y = RNN(x, w, r)", "node 0 (RNN"},
  };
  expect_errors(lines);
  (void)error_of_text(
      "x: f32[7]; s = i64[1] {-9223372036854775808}; e = i64[1] {9223372036854775807}; y = Slice(x, s, e)",
      {Tensor::of<float>({7}, {1, 2, 3, 4, 5, 6, 7})});
}

TEST(Hostile, NumbersAtTheEdge) {  // whatever comes out, nothing traps
  const float nan = std::nanf(""), infinity = std::numeric_limits<float>::infinity();
  const Tensor floats = Tensor::of<float>({4}, {nan, infinity, -1e30f, 1e30f});
  const Tensor integers = Tensor::of<int32_t>({4}, {INT32_MIN, 1, 0, -1}),
               divisors = Tensor::of<int32_t>({4}, {-1, 0, 0, 0});
  for (const int to : {2, 3, 6, 7, 9, 10, 12, 13, 17})
    EXPECT_EQ(error_of_text("opset 19; x: f32[4]; y = Cast(x) {to=" + std::to_string(to) + "}", {floats}),
              "ok")
        << to;
  for (const char* op : {"Div", "Mod", "Pow", "Mul", "Sub"})
    (void)error_of_text("x: i32[4]; d: i32[4]; y = " + std::string(op) + "(x, d)", {integers, divisors});
  EXPECT_EQ(error_of_text("x: i32[4]; y = Abs(x); z = Neg(x); return y, z", {integers}), "ok");
}

}  // namespace
}  // namespace rekindle::onnx
