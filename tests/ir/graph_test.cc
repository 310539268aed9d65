// Building graphs: names, types, uses, order, sizes that nodes define, removal.
// SPDX-License-Identifier: Apache-2.0
#include "ir/graph.h"

#include "ir/patch.h"
#include "test_ops.h"

namespace rekindle {
namespace {

using namespace testing_ops;

TensorType f32(Shape shape) { return {DType::f32, std::move(shape)}; }

TEST(Graph, InfersTypesAndCountsUses) {
  Graph g;
  const ValueId x = g.add_input("x", f32({Dim::symbol("N"), 4}));
  const ValueId w = g.add_constant("w", Tensor::of<float>({4}, {1, 2, 3, 4}));
  const ValueId s = *g.add1(ops::Add{}, {x, w}, "s", "/Add");
  const ValueId y = *g.add1(ops::Mul{}, {s, s}, "y");
  g.set_outputs({y});
  EXPECT_EQ(g[y].type.to_string(), "f32[N, 4]");
  EXPECT_EQ(g.use_count(s), 2u);
  EXPECT_EQ(g.use_count(x), 1u);
  EXPECT_EQ(g.use_count(y), 1u);
  EXPECT_TRUE(g.is_output(y));
  EXPECT_TRUE(g.is_input(x));
  EXPECT_FALSE(g.is_input(w));
  EXPECT_EQ(g.producer(s)->origin, "/Add");
  EXPECT_EQ(g.producer(w), nullptr);
  EXPECT_EQ(g.constant(w)->count(), 4);
  EXPECT_EQ(g.find("s"), s);
  EXPECT_EQ(g.find("nobody"), ValueId::none);
  RK_EXPECT_OK(g.verify());
}

TEST(Graph, NamesAreMadeUnique) {
  Graph g;
  const ValueId x = g.add_input("x", f32({2}));
  EXPECT_EQ(g[*g.add1(ops::Relu{}, {x}, "x")].name, "x_1");
  EXPECT_EQ(g[*g.add1(ops::Relu{}, {x})].name, "relu");
  EXPECT_EQ(g[*g.add1(ops::Relu{}, {x})].name, "relu_1");
  const ValueId y = *g.add1(ops::Relu{}, {x}, "x_2");
  EXPECT_EQ(g[*g.add1(ops::Relu{}, {x}, "x")].name, "x_3");
  g.rename(y, "x");
  EXPECT_EQ(g[y].name, "x_4");
  EXPECT_EQ(g.find("x_2"), ValueId::none);
  RK_EXPECT_OK(g.verify());
}

TEST(Graph, BadInputsAreErrorsWithTheOrigin) {
  Graph g;
  const ValueId x = g.add_input("x", f32({2}));
  const ValueId z = g.add_input("z", f32({3}));
  const auto sum = g.add1(ops::Add{}, {x, z}, "y", "/model/Add_7");
  ASSERT_FALSE(sum.ok());
  EXPECT_NE(sum.status().to_string().find("[2] and [3]"), std::string::npos) << sum.status().to_string();
  EXPECT_NE(sum.status().to_string().find("/model/Add_7"), std::string::npos);
  EXPECT_FALSE(g.add1(ops::Add{}, {x}).ok());
  EXPECT_FALSE(g.add1(ops::Add{}, {x, ValueId::none}).ok());
  EXPECT_FALSE(g.add1(ops::Relu{}, {ValueId(17)}).ok());
  EXPECT_FALSE(g.add1(Twice{}, {x}).ok());  // two outputs
  RK_EXPECT_OK(g.verify());
}

TEST(Graph, SizesThatANodeDefinesGetSymbols) {
  Graph g;
  const ValueId x = g.add_input("x", f32({Dim::symbol("N")}));
  const ValueId a = *g.add1(WhereNonzero{}, {x}, "a/b");
  EXPECT_EQ(g[a].type.to_string(), "i64[a_b.d0]");
  EXPECT_TRUE(g.defines_symbol(a, "a_b.d0"));
  EXPECT_FALSE(g.defines_symbol(a, "N"));
  const auto pair = *g.add(Positive{}, {x}, {"v", "i"});
  EXPECT_EQ(g[pair[0]].type.shape[0], g[pair[1]].type.shape[0]);  // one size, one symbol
  const ValueId other = *g.add1(WhereNonzero{}, {x}, "a_b");      // the same symbol name is taken
  EXPECT_NE(g[other].type.shape[0], g[a].type.shape[0]);
  EXPECT_TRUE(g.add1(ops::Add{}, {pair[1], pair[1]}).ok());
  g.set_outputs({a, other});
  RK_EXPECT_OK(g.verify());
}

TEST(Graph, DeclaredTypesRenameOnlyOwnSymbols) {
  Graph g;
  const ValueId x = g.add_input("x", f32({Dim::symbol("N")}));
  const auto pair = *g.add(Positive{}, {x}, {"v", "i"});
  RK_EXPECT_OK(g.declare_type(pair[0], f32({Dim::symbol("K")})));
  EXPECT_EQ(g[pair[1]].type.to_string(), "i64[K]");
  RK_EXPECT_OK(g.declare_type(pair[1], {DType::i64, {Dim::symbol("K")}}));
  EXPECT_FALSE(g.declare_type(pair[0], f32({Dim::symbol("N")})).ok());  // N has a meaning
  EXPECT_FALSE(g.declare_type(pair[0], f32({7})).ok());
  EXPECT_FALSE(g.declare_type(x, f32({Dim::symbol("M")})).ok());
  RK_EXPECT_OK(g.verify());
}

TEST(Graph, RemoveDeadDropsNodesAndConstants) {
  Graph g = graph_of(R"(graph (%x: f32[2]) {
    %w = const f32[2] {1, 2}
    %v = const f32[2] {3, 4}
    %a = add(%x, %w)
    %b = mul(%a, %v)
    %c = relu(%b)
    %y = relu(%a)
    return %y
  })");
  EXPECT_EQ(g.remove_dead(), 2);
  EXPECT_EQ(g.remove_dead(), 0);
  EXPECT_EQ(g.find("v"), ValueId::none);
  EXPECT_EQ(print(g),
            "graph (%x: f32[2]) {\n  %w = const f32[2] {1, 2}\n  %a = add(%x, %w) : f32[2]\n"
            "  %y = relu(%a) : f32[2]\n  return %y\n}\n");
  RK_EXPECT_OK(g.verify());
}

TEST(Graph, SubstituteInfersAgain) {
  Graph g = graph_of(R"(graph (%x: f32[N, 4], %b: f32[M]) {
    %r = shaped(%x) {shape=[2*N, 2]}
    %s = add(%x, %b)
    return %r, %s
  })");
  EXPECT_EQ(g[g.find("s")].type.to_string(), "f32[N, 4]");
  Graph before = g;
  EXPECT_FALSE(g.substitute({{"M", 3}}).ok());  // 4 against 3
  EXPECT_EQ(print(g), print(before));
  RK_EXPECT_OK(g.substitute({{"N", 5}, {"M", 4}}));
  EXPECT_EQ(print(g), R"(graph (%x: f32[5, 4], %b: f32[4]) {
  %r = shaped(%x) {shape=[10, 2]} : f32[10, 2]
  %s = add(%x, %b) : f32[5, 4]
  return %r, %s
}
)");
  RK_EXPECT_OK(g.verify());
}

TEST(Graph, VerifyFindsWhatWasBroken) {
  Graph g = graph_of("graph (%x: f32[2]) { %y = relu(%x) return %y }");
  Graph twice = g;
  twice.outputs.push_back(g.find("y"));
  EXPECT_FALSE(twice.verify().ok());
  Graph uncounted = g;
  uncounted.outputs = {g.find("x")};
  EXPECT_FALSE(uncounted.verify().ok());
  Graph no_input = g;
  no_input.inputs.clear();
  EXPECT_FALSE(no_input.verify().ok());
  Graph wrong = g;
  wrong.inputs.push_back(g.find("y"));
  EXPECT_FALSE(wrong.verify().ok());
  RK_EXPECT_OK(g.verify());
}

TEST(Graph, VerifyLooksIntoNestedGraphs) {
  auto body = std::make_shared<Graph>(graph_of("graph (%x: f32[2]) { %y = relu(%x) return %y }"));
  Graph g;
  const ValueId x = g.add_input("x", f32({2}));
  g.set_outputs({*g.add1(Holder{body}, {x}, "y")});
  RK_EXPECT_OK(g.verify());
  body->inputs.clear();
  EXPECT_FALSE(g.verify().ok());
}

}  // namespace
}  // namespace rekindle
