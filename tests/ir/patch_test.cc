// Patches: what they do, what they refuse, and that a refused one changes nothing.
// SPDX-License-Identifier: Apache-2.0
#include "ir/patch.h"

#include <random>

#include "test_ops.h"

namespace rekindle {
namespace {

using namespace testing_ops;

std::string error_of(Graph& g, const Patch& patch) {
  const std::string before = print(g);
  const Status status = g.apply(patch);
  EXPECT_EQ(print(g), before) << "a refused patch changed the graph";
  RK_EXPECT_OK(g.verify());
  return status.ok() ? "ok" : status.message();
}

TEST(Patch, ReplacesAPatternPassesNamesOnAndUnitesOrigins) {
  Graph g = graph_of(R"(graph (%x: f32[2]) {
    %a = neg(%x) from "/Neg"
    %b = mul(%x, %a) from "/Mul, /Neg"
    %y = relu(%b) from "/Relu"
    return %y
  })");
  Patch p(g);
  const ValueId n = *p.add1(ops::LeakyRelu{}, {g.find("x")});
  p.replace(g.find("b"), n);
  RK_EXPECT_OK(g.apply(p));
  RK_EXPECT_OK(g.verify());
  ConstantTable constants;
  EXPECT_EQ(print(g, constants, true), R"(graph (%x: f32[2]) {
  %b = leaky_relu(%x) : f32[2] from "/Neg, /Mul"
  %y = relu(%b) : f32[2] from "/Relu"
  return %y
}
)");
  EXPECT_EQ(g.node_count(), 2u);
}

TEST(Patch, AnOutputKeepsItsName) {
  Graph g = graph_of("graph (%x: f32[2]) { %a = relu(%x) %y = relu(%a) return %y }");
  Patch p(g);
  p.replace(g.find("y"), g.find("a"));
  RK_EXPECT_OK(g.apply(p));
  EXPECT_EQ(print(g), "graph (%x: f32[2]) {\n  %y = relu(%x) : f32[2]\n  return %y\n}\n");
  RK_EXPECT_OK(g.verify());
  Patch through(g);
  through.replace(g.find("y"), g.find("x"));
  EXPECT_EQ(error_of(g, through),
            "the output %y would lose its name to %x, expected a value that is no input and no other output");
}

TEST(Patch, TwoOutputsDoNotBecomeOne) {
  Graph g = graph_of("graph (%x: f32[2]) { %a = relu(%x) %b = relu(%x) return %a, %b }");
  Patch p(g);
  p.replace(g.find("b"), g.find("a"));
  EXPECT_NE(error_of(g, p).find("would lose its name"), std::string::npos);
  Patch both(g);
  const ValueId n = *both.add1(ops::Neg{}, {g.find("x")});
  both.replace(g.find("a"), n);
  both.replace(g.find("b"), n);
  EXPECT_NE(error_of(g, both).find("would lose its name"), std::string::npos);
}

TEST(Patch, CanWrapAValue) {
  Graph g = graph_of("graph (%x: f32[2]) { %y = relu(%x) return %y }");
  Patch p(g);
  p.replace(g.find("y"), *p.add1(ops::Neg{}, {g.find("y")}));
  RK_EXPECT_OK(g.apply(p));
  Patch in(g);
  in.replace(g.find("x"), *in.add1(ops::Neg{}, {g.find("x")}));
  RK_EXPECT_OK(g.apply(in));
  EXPECT_EQ(print(g), R"(graph (%x: f32[2]) {
  %neg = neg(%x) : f32[2]
  %y_1 = relu(%neg) : f32[2]
  %y = neg(%y_1) : f32[2]
  return %y
}
)");
  RK_EXPECT_OK(g.verify());
}

TEST(Patch, ConstantsComeAndGo) {
  Graph g = graph_of("graph () { %c = const f32[2] {1, -2} %y = relu(%c) return %y }");
  Patch p(g);
  p.replace(g.find("y"), p.add_constant(Tensor::of<float>({2}, {1, 0})));
  RK_EXPECT_OK(g.apply(p));
  g.remove_dead();
  EXPECT_EQ(print(g), "graph () {\n  %y = const f32[2] {1, 0}\n  return %y\n}\n");
  RK_EXPECT_OK(g.verify());
  Patch packed(g);
  packed.replace(g.find("y"), packed.add_constant(Tensor::of<float>({2}, {5, 6})));
  RK_EXPECT_OK(g.apply(packed));
  EXPECT_EQ(print(g), "graph () {\n  %y = const f32[2] {5, 6}\n  return %y\n}\n");
}

TEST(Patch, TypesMustMatch) {
  Graph g = graph_of("graph (%x: f32[2], %z: f32[3, 2]) { %a = relu(%x) %y = neg(%a) return %y }");
  Patch p(g);
  p.replace(g.find("a"), *p.add1(ops::Add{}, {g.find("a"), g.find("z")}));
  EXPECT_EQ(error_of(g, p), "patch would change the type of %a from f32[2] to f32[3, 2]");
}

TEST(Patch, NonsenseIsRefused) {
  Graph g =
      graph_of("graph (%x: f32[2]) { %a = relu(%x) %b = relu(%x) %c = add(%a, %b) %y = neg(%c) return %y }");
  {
    Patch p(g);
    p.replace(g.find("a"), g.find("b"));
    p.replace(g.find("b"), g.find("a"));
    EXPECT_NE(error_of(g, p).find("circle"), std::string::npos);
  }
  {
    Patch p(g);
    p.replace(g.find("a"), g.find("b"));
    p.replace(g.find("a"), g.find("x"));
    EXPECT_NE(error_of(g, p).find("twice"), std::string::npos);
  }
  {
    Patch p(g);
    p.replace(g.find("a"), ValueId(0x80000005u));
    EXPECT_NE(error_of(g, p).find("not a value"), std::string::npos);
  }
  {
    Patch p(g);  // made before another patch removed what it speaks of
    p.replace(g.find("a"), *p.add1(ops::Neg{}, {g.find("b")}));
    Patch first(g);
    first.replace(g.find("b"), g.find("a"));
    RK_EXPECT_OK(g.apply(first));
    EXPECT_NE(error_of(g, p).find("no longer in the graph"), std::string::npos);
  }
}

TEST(Patch, ACycleIsRefused) {
  Graph g =
      graph_of("graph (%x: f32[2]) { %a = relu(%x) %b = neg(%a) %c = relu(%b) %y = add(%a, %c) return %y }");
  Patch p(g);
  p.replace(g.find("a"), *p.add1(ops::Neg{}, {g.find("c")}));
  EXPECT_EQ(error_of(g, p), "patch would make a cycle through %a");
  Patch existing(g);
  existing.replace(g.find("a"), g.find("b"));
  EXPECT_EQ(error_of(g, existing), "patch would make a cycle through %a");
}

/// Two users of %x far apart become outputs of one node although the first's user stands before what the
/// second reads.
TEST(Patch, MovesNodesWhenOnlyTheOrderIsInTheWay) {
  Graph g = graph_of(R"(graph (%x: f32[2], %z: f32[2]) {
    %a = relu(%x)
    %b = neg(%a)
    %late = neg(%z)
    %c = mul(%late, %x)
    %y = add(%b, %c)
    return %y
  })");
  Patch p(g);
  const ValueId sum = *p.add1(ops::Add{}, {g.find("x"), g.find("late")});
  const auto both = *p.add(Twice{}, {sum});
  p.replace(g.find("a"), both[0]);
  p.replace(g.find("c"), both[1]);
  RK_EXPECT_OK(g.apply(p));
  RK_EXPECT_OK(g.verify());
  EXPECT_EQ(print(g), R"(graph (%x: f32[2], %z: f32[2]) {
  %late = neg(%z) : f32[2]
  %add = add(%x, %late) : f32[2]
  %a, %c = twice(%add) : f32[2], f32[2]
  %b = neg(%a) : f32[2]
  %y = add(%b, %c) : f32[2]
  return %y
}
)");
}

TEST(Patch, ASizeThatANodeDefinesIsTakenOver) {
  Graph g = graph_of(R"(graph (%x: f32[N]) {
    %i = where_nonzero(%x) : i64[K]
    %y = add(%i, %i) : i64[K]
    return %y
  })");
  Patch p(g);
  const ValueId relu = *p.add1(ops::Relu{}, {g.find("x")});
  p.replace(g.find("i"), *p.add1(WhereNonzero{}, {relu}));
  RK_EXPECT_OK(g.apply(p));
  RK_EXPECT_OK(g.verify());
  EXPECT_EQ(print(g), R"(graph (%x: f32[N]) {
  %relu = relu(%x) : f32[N]
  %i = where_nonzero(%relu) : i64[K]
  %y = add(%i, %i) : i64[K]
  return %y
}
)");
}

TEST(Patch, ASizeThatANodeDefinesMayBecomeKnown) {
  Graph g = graph_of(R"(graph (%x: f32[N]) {
    %i = where_nonzero(%x) : i64[K]
    %s = shaped(%i) {shape=[1, K]} : i64[1, K]
    %y = add(%s, %i) : i64[1, K]
    return %y
  })");
  Patch p(g);
  p.replace(g.find("i"), p.add_constant(Tensor::of<int64_t>({3}, {0, 1, 2})));
  RK_EXPECT_OK(g.apply(p));
  RK_EXPECT_OK(g.verify());
  EXPECT_EQ(print(g), R"(graph (%x: f32[N]) {
  %i = const i64[3] {0, 1, 2}
  %s = shaped(%i) {shape=[1, 3]} : i64[1, 3]
  %y = add(%s, %i) : i64[1, 3]
  return %y
}
)");
}

TEST(Patch, EqualNodesThatDefineSizesCanBeMerged) {
  Graph g = graph_of(R"(graph (%x: f32[N]) {
    %i = where_nonzero(%x) : i64[K]
    %j = where_nonzero(%x) : i64[L]
    %s = shaped(%j) {shape=[L, 1]} : i64[L, 1]
    %y = add(%s, %i) : i64[L, K]
    return %y
  })");
  Patch p(g);
  p.replace(g.find("j"), g.find("i"));
  RK_EXPECT_OK(g.apply(p));
  RK_EXPECT_OK(g.verify());
  EXPECT_EQ(g[g.find("y")].type.to_string(), "i64[K, K]");
}

TEST(Patch, ASizeIsNotTakenFromAValueThatStays) {
  // The second output still speaks of K, so the first cannot be said to have another size.
  Graph g = graph_of(R"(graph (%x: f32[N]) {
    %v, %i = positive(%x) : f32[K], i64[K]
    %y = neg(%v)
    return %y, %i
  })");
  Patch p(g);
  p.replace(g.find("v"), p.add_constant(Tensor::of<float>({3}, {0, 1, 2})));
  EXPECT_EQ(error_of(g, p), "patch would change the type of %v from f32[K] to f32[3]");
  Patch both(g);
  const auto outputs = *both.add(Positive{}, {g.find("x")});
  both.replace(g.find("v"), outputs[0]);
  both.replace(g.find("i"), outputs[1]);
  RK_EXPECT_OK(g.apply(both));
  RK_EXPECT_OK(g.verify());
  EXPECT_EQ(g[g.find("i")].type.to_string(), "i64[K]");
}

TEST(Patch, ARefusedNewSizeLeavesTheGraphAlone) {
  Graph g = graph_of(R"(graph (%x: f32[N], %z: i64[4]) {
    %i = where_nonzero(%x) : i64[K]
    %y = add(%i, %z)
    return %y
  })");
  Patch p(g);
  p.replace(g.find("i"), p.add_constant(Tensor::of<int64_t>({3}, {0, 1, 2})));  // 3 does not broadcast with 4
  EXPECT_NE(error_of(g, p).find("do not broadcast"), std::string::npos);
}

// ---- random edits that must not change what a graph computes

using Random = std::mt19937;
size_t below(Random& random, size_t n) { return size_t(random() % n); }

Graph random_graph(Random& random) {
  Graph g;
  std::vector<ValueId> values{g.add_input("x", {DType::f32, {Dim::symbol("N"), 3}}),
                              g.add_input("z", {DType::f32, {3}})};
  for (int i = 0; i < 20; ++i) {
    const ValueId a = values[below(random, values.size())], b = values[below(random, values.size())];
    if (i % 5 == 4) {
      const auto both = *g.add(Twice{below(random, 2) == 1}, {a});
      values.insert(values.end(), both.begin(), both.end());
    } else {
      values.push_back(below(random, 2) ? *g.add1(ops::Add{}, {a, b}) : *g.add1(ops::Relu{}, {a}));
    }
  }
  std::set<ValueId> outputs;
  for (int i = 0; i < 3; ++i) outputs.insert(values[2 + below(random, values.size() - 2)]);
  g.set_outputs({outputs.begin(), outputs.end()});
  return g;
}

/// A value of the graph and what may stand for it: the same node made again, -(-v), or an equal node
/// elsewhere.
void propose_equal(const Graph& g, Random& random, Patch& patch) {
  std::vector<ValueId> live;
  for (size_t i = 0; i < g.value_count(); ++i)
    if (g.is_live(ValueId(i)) && g.use_count(ValueId(i)) > 0) live.push_back(ValueId(i));
  const ValueId v = live[below(random, live.size())];
  const Node* maker = g.producer(v);
  if (below(random, 3) == 0 && maker) {
    const auto again = *patch.add(maker->op, maker->inputs);
    const auto which = std::find(maker->outputs.begin(), maker->outputs.end(), v) - maker->outputs.begin();
    return patch.replace(v, again[size_t(which)]);
  }
  if (below(random, 2) == 0) return patch.replace(v, *patch.add1(ops::Neg{}, {*patch.add1(ops::Neg{}, {v})}));
  for (ValueId w : live)
    if (const Node* other = g.producer(w); w != v && maker && other && maker->outputs.size() == 1 &&
                                           other->op == maker->op && other->inputs == maker->inputs)
      return patch.replace(v, w);
}

TEST(Patch, RandomEquivalentEditsKeepTheResults) {
  const Tensors in{Tensor::of<float>({2, 3}, {1, -2, 3, -4, 5, -6}), Tensor::of<float>({3}, {0.5f, -1, 2})};
  for (uint32_t seed = 0; seed < 30; ++seed) {
    Random random(seed);
    Graph g = random_graph(random);
    const auto expected = interpret(g, in);
    ASSERT_TRUE(expected.ok());
    std::vector<std::string> names;
    for (ValueId v : g.outputs) names.push_back(g[v].name);
    int applied = 0;
    for (int step = 0; step < 60; ++step) {
      Patch p(g);
      propose_equal(g, random, p);
      if (p.empty()) continue;
      const Status status = g.apply(p);
      ASSERT_TRUE(status.ok() || status.code() == Code::unsupported) << status.to_string();
      applied += status.ok();
      ASSERT_TRUE(g.verify().ok()) << g.verify().to_string() << print(g);
    }
    EXPECT_GT(applied, 10);
    const auto now = interpret(g, in);
    ASSERT_TRUE(now.ok()) << now.status().to_string();
    for (size_t i = 0; i < g.outputs.size(); ++i) {
      EXPECT_EQ(g[g.outputs[i]].name, names[i]);
      EXPECT_TRUE((*now)[i].same_bits((*expected)[i])) << "seed " << seed;
    }
    const std::string text = print(g);
    EXPECT_EQ(print(graph_of(text)), text);
  }
}

}  // namespace
}  // namespace rekindle
