// How far constants may grow.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "math/cast.h"
#include "math/elementwise.h"
#include "passes/passes.h"

namespace rekindle {
namespace {

/// x * (weights stored as bytes, made floats, scaled): 90,000 elements, so 360,000 bytes as floats.
Graph stored_as_bytes() {
  Graph graph;
  const ValueId x = graph.add_input("x", {DType::f32, {300, 300}});
  const ValueId bytes = graph.add_constant("q", *Tensor::make(DType::i8, {300, 300}));
  const ValueId floats = *graph.add1(ops::Cast{DType::f32}, {bytes});
  const ValueId scale = graph.add_constant("scale", Tensor::scalar(0.5f));
  const ValueId w = *graph.add1(ops::Mul{}, {floats, scale});
  graph.set_outputs({*graph.add1(ops::Mul{}, {x, w})});
  return graph;
}

TEST(FoldConstants, WeightsStoredAsIntegersBecomeFloats) {
  Graph graph = stored_as_bytes();
  PassContext context;
  context.fold_bytes = 400'000;  // enough for one of the two: what is not read any more gives its memory back
  EXPECT_EQ(*passes::fold_constants(graph, context), 2);
  EXPECT_EQ(graph.node_count(), 1U);
  EXPECT_EQ(context.fold_bytes, 400'000 - 360'000 + 90'000 + 4);
}

TEST(FoldConstants, WithinTheirBudget) {
  Graph graph = stored_as_bytes();
  PassContext context;
  context.fold_bytes = 200'000;
  EXPECT_EQ(*passes::fold_constants(graph, context), 0);
}

}  // namespace
}  // namespace rekindle
