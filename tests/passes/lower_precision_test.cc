// lower-precision: what becomes FP16, what stays, and that the results stay close.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "ir/subgraph.h"
#include "math/cast.h"
#include "ops/table.h"
#include "passes/passes.h"

namespace rekindle {
namespace {

Graph lowered(std::string_view text, int budget = INT_MAX) {
  auto graph = parse(text, ops::table());
  EXPECT_TRUE(graph.ok()) << graph.status().to_string();
  PassContext context;
  context.precision = DType::f16;
  context.budget = budget;
  const auto changes = passes::lower_precision(*graph, context);
  EXPECT_TRUE(changes.ok()) << changes.status().to_string();
  EXPECT_TRUE(graph->verify().ok()) << graph->verify().to_string();
  return *std::move(graph);
}

DType type_made_by(const Graph& graph, std::string_view op) {
  for (NodeId n = graph.first(); n != NodeId::none; n = graph.next(n))
    if (graph[n].op.name() == op) return graph[graph[n].outputs[0]].type.dtype;
  ADD_FAILURE() << "no " << op << " in\n" << print(graph);
  return DType::f32;
}

int count_of_casts(const Graph& graph) {
  int casts = 0;
  for (NodeId n = graph.first(); n != NodeId::none; n = graph.next(n)) casts += graph[n].op.is<ops::Cast>();
  return casts;
}

Tensors noise(const Graph& graph) {
  std::mt19937 random(5);
  std::uniform_real_distribution<float> uniform(-1, 1);
  Tensors made;
  for (ValueId v : graph.inputs) {
    Tensor t(DType::f32, *to_dims(graph[v].type.shape));
    for (int64_t i = 0; i < t.count(); ++i) t.data<float>()[i] = uniform(random);
    made.push_back(std::move(t));
  }
  return made;
}

/// The largest difference over all outputs, of the largest magnitude.
double error_of(std::string_view text) {
  const auto before = parse(text, ops::table());
  const Graph after = lowered(text);
  const Tensors inputs = noise(*before);
  const auto expected = interpret(*before, inputs), got = interpret(after, inputs);
  EXPECT_TRUE(expected.ok() && got.ok()) << got.status().to_string();
  double error = 0, largest = 0;
  for (size_t o = 0; o < expected->size(); ++o) {
    EXPECT_EQ((*got)[o].type().to_string(), (*expected)[o].type().to_string());
    for (int64_t i = 0; i < (*expected)[o].count(); ++i) {
      const double e = (*expected)[o].as_double(i), g = (*got)[o].as_double(i);
      if (std::isnan(e) && std::isnan(g)) continue;
      error = std::max(error, std::fabs(e - g));
      largest = std::max(largest, std::fabs(e));
    }
  }
  return error / largest;
}

constexpr std::string_view kConvolutions = R"(
graph @main (%x: f32[1, 3, 9, 9]) {
  %w = const f32[4, 3, 1, 1] {0.5, 1, -1, 0.25, 0.125, 3, 1, 1, -2, 0.3, 0.1, 0.7}
  %b = const f32[4] {0.1, 0.2, 0.3, 0.4}
  %t = transpose(%x) {perm=[0, 2, 3, 1]}
  %c = conv(%t, %w, %b) {layout=nhwc}
  %r = relu(%c)
  %p = max_pool(%r) {kernel=[3, 3], layout=nhwc}
  %m = reduce(%p) {op=mean, axes=[1, 2]}
  %s = reduce(%p) {op=sum_square, axes=[1, 2]}
  return %m, %s
})";

TEST(LowerPrecision, FollowsConvolutionsAndKeepsInputsAndOutputs) {
  const Graph graph = lowered(kConvolutions);
  for (const char* op : {"transpose", "conv", "relu", "max_pool"})
    EXPECT_EQ(type_made_by(graph, op), DType::f16) << op;
  EXPECT_EQ(graph[graph.inputs[0]].type.dtype, DType::f32);
  for (ValueId v : graph.outputs) EXPECT_EQ(graph[v].type.dtype, DType::f32);
  EXPECT_EQ(count_of_casts(graph), 3);  // of the input, before the sum of squares, of the mean
  const double error = error_of(kConvolutions);
  EXPECT_LT(error, 2e-3);
  EXPECT_GT(error, 0);  // something was rounded
}

TEST(LowerPrecision, NothingHappensUnlessAsked) {
  auto graph = parse(kConvolutions, ops::table());
  const std::string before = print(*graph);
  PassContext context;
  EXPECT_EQ(*passes::lower_precision(*graph, context), 0);
  EXPECT_EQ(print(*graph), before);
}

TEST(LowerPrecision, AnyLimitLeavesARightGraph) {
  const auto before = parse(kConvolutions, ops::table());
  const Tensors inputs = noise(*before);
  const auto expected = interpret(*before, inputs);
  for (int limit = 0; limit < 8; ++limit) {
    const auto got = interpret(lowered(kConvolutions, limit), inputs);
    ASSERT_TRUE(got.ok()) << limit;
    for (int64_t i = 0; i < (*expected)[1].count(); ++i)
      EXPECT_NEAR((*got)[1].as_double(i), (*expected)[1].as_double(i),
                  5e-3 * std::fabs((*expected)[1].as_double(i)));
  }
}

TEST(LowerPrecision, MasksAreClippedAndConstantsThatDoNotFitStay) {
  constexpr std::string_view text = R"(
graph @main (%x: f32[2, 4], %m: f32[1, 2], %w: f32[4, 2]) {
  %far = const f32[] {-3.4e38}
  %tiny = const f32[] {1e-6}
  %y = matmul(%x, %w)
  %mask = mul(%m, %far)
  %z = add(%y, %mask)
  %s = softmax(%z)
  %e = add(%s, %tiny)
  return %e
})";
  const Graph graph = lowered(text);
  EXPECT_EQ(type_made_by(graph, "matmul"), DType::f16);
  EXPECT_EQ(type_made_by(graph, "mul"), DType::f32);
  EXPECT_EQ(type_made_by(graph, "softmax"), DType::f16);
  // One column masked whole: finite in f16 as in f32.
  const Tensors inputs{Tensor::of<float>({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8}), Tensor::of<float>({1, 2}, {1, 0}),
                       Tensor::of<float>({4, 2}, {1, 0, 0, 1, 1, 1, 0, 0})};
  const auto got = interpret(graph, inputs);
  ASSERT_TRUE(got.ok());
  EXPECT_NEAR((*got)[0].as_double(0), 1e-6, 1e-6);
  EXPECT_NEAR((*got)[0].as_double(1), 1, 1e-3);
  // Both columns masked alike: as in f32 the scores decide nothing, and no infinity meets another.
  const Tensors all{inputs[0], Tensor::of<float>({1, 2}, {1, 1}), inputs[2]};
  const auto masked = interpret(graph, all);
  ASSERT_TRUE(masked.ok());
  EXPECT_NEAR((*masked)[0].as_double(0), 0.5, 0.5);
}

TEST(LowerPrecision, ExponentialsAndQuotientsStayWide) {
  constexpr std::string_view text = R"(
graph @main (%x: f32[2, 4], %w: f32[4, 2]) {
  %y = matmul(%x, %w)
  %e = exp(%y)
  %d = div(%e, %y)
  %a = tanh(%d)
  return %a
})";
  const Graph graph = lowered(text);
  EXPECT_EQ(type_made_by(graph, "exp"), DType::f32);
  EXPECT_EQ(type_made_by(graph, "div"), DType::f32);
  EXPECT_EQ(type_made_by(graph, "tanh"), DType::f32);
  EXPECT_EQ(count_of_casts(graph), 3);  // both operands and one result
}

TEST(LowerPrecision, WhatNoKernelTakesInFp16Stays) {
  constexpr std::string_view text = R"(
graph @main (%x: f32[1, 6, 6, 4]) {
  %w = const f32[4, 2, 1, 1] {1, 2, 3, 4, 5, 6, 7, 8}
  %c = conv(%x, %w) {group=2, layout=nhwc}
  %y = cumulative(%c) {op=sum, axis=1}
  return %y
})";
  EXPECT_EQ(type_made_by(lowered(text), "conv"), DType::f32);
}

TEST(LowerPrecision, WeightsThatDoNotFitKeepTheirOpWide) {
  constexpr std::string_view text = R"(
graph @main (%x: f32[2, 2]) {
  %w = const f32[2, 2] {1, 70000, 3, 4}
  %y = matmul(%x, %w)
  return %y
})";
  EXPECT_EQ(type_made_by(lowered(text), "matmul"), DType::f32);
}

TEST(LowerPrecision, EmbeddingsAndNorms) {
  constexpr std::string_view text = R"(
graph @main (%i: f32[3, 4], %g: f32[4], %z: f32[3, 4]) {
  %sum = add(%i, %z)
  %n = layer_norm(%sum, %g) {axis=-1, epsilon=1e-12}
  %q = mul(%n, %n)
  return %q
})";
  const Graph graph = lowered(text);
  EXPECT_EQ(type_made_by(graph, "add"), DType::f32);  // its operands come from outside
  EXPECT_EQ(type_made_by(graph, "layer_norm"), DType::f16);
  EXPECT_LT(error_of(text), 5e-3);
}

}  // namespace
}  // namespace rekindle
