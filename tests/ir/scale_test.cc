// Graphs of 200,000 nodes: nothing may recurse over depth or cost more the larger the graph is.
// SPDX-License-Identifier: Apache-2.0
#include <chrono>

#include "ir/patch.h"
#include "test_ops.h"

namespace rekindle {
namespace {

using namespace testing_ops;

constexpr int kNodes = 200'000;

Graph chain() {
  Graph g;
  ValueId v = g.add_input("x", {DType::f32, {Dim::symbol("N")}});
  const ValueId one = g.add_constant("one", Tensor::scalar(1.0f));
  for (int i = 0; i < kNodes; ++i) v = i % 2 ? *g.add1(ops::Add{}, {v, one}) : *g.add1(ops::Neg{}, {v});
  g.set_outputs({v});
  return g;
}

/// Generous against a busy machine, far below what quadratic work would take.
class Deadline {
 public:
  explicit Deadline(const char* what) : what_(what) {}
  ~Deadline() {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    EXPECT_LT(seconds, 20) << what_;
    ::testing::Test::RecordProperty(what_, std::to_string(seconds));
  }

 private:
  const char* what_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

TEST(Scale, BuildVerifyPrintParseRunRemove) {
  Graph g;
  {
    Deadline d("build");
    g = chain();
  }
  {
    Deadline d("verify");
    RK_EXPECT_OK(g.verify());
  }
  std::string text;
  {
    Deadline d("print");
    text = print(g);
  }
  {
    Deadline d("parse");
    auto back = parse(text, table());
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(print(*back), text);
  }
  {
    Deadline d("run");
    const Tensors in{Tensor::of<float>({1}, {0.5f})};
    EXPECT_TRUE(interpret(g, in).ok());
  }
  {
    Deadline d("remove");
    g.set_outputs({g.inputs[0]});
    EXPECT_EQ(g.remove_dead(), kNodes);
    EXPECT_EQ(g.node_count(), 0u);
  }
}

TEST(Scale, PatchesEverywhere) {
  Graph g = chain();
  Deadline d("patches");
  int changes = 0;
  for (NodeId n = g.first(); n != NodeId::none; n = g.next(n)) {
    if (!g[n].op.is<ops::Neg>()) continue;
    Patch p(g);
    p.replace(g[n].outputs[0], *p.add1(ops::Relu{}, {g[n].inputs[0]}));
    ASSERT_TRUE(g.apply(p).ok());
    ++changes;
  }
  EXPECT_EQ(changes, kNodes / 2);
  EXPECT_EQ(g.node_count(), size_t(kNodes));
  RK_EXPECT_OK(g.verify());
}

/// All insertions at one place use up the gaps between order labels again and again.
TEST(Scale, ManyInsertionsAtOnePlace) {
  Graph g = chain();
  NodeId middle = g.order()[kNodes / 2];
  Deadline d("insertions");
  for (int i = 0; i < 20'000; ++i) {
    Patch p(g);
    p.replace(g[middle].inputs[0], *p.add1(ops::Neg{}, {g[middle].inputs[0]}));
    ASSERT_TRUE(g.apply(p).ok());
  }
  EXPECT_EQ(g.node_count(), size_t(kNodes) + 20'000);
  RK_EXPECT_OK(g.verify());
}

/// One patch that makes everything before it useless removes it all, without recursion.
TEST(Scale, OnePatchRemovesAChain) {
  Graph g = chain();
  Deadline d("removal");
  Patch p(g);
  p.replace(g.outputs[0], *p.add1(ops::Neg{}, {g.inputs[0]}));
  ASSERT_TRUE(g.apply(p).ok());
  EXPECT_EQ(g.node_count(), 1u);
  RK_EXPECT_OK(g.verify());
}

}  // namespace
}  // namespace rekindle
