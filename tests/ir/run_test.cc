// Running graphs with the references, and taking nodes out and putting them back.
// SPDX-License-Identifier: Apache-2.0
#include "ir/patch.h"
#include "test_ops.h"

namespace rekindle {
namespace {

using namespace testing_ops;

Tensor vector(std::vector<float> values) { return Tensor::of<float>({int64_t(values.size())}, values); }

std::string run_text(const Graph& g, Tensors in) {
  const auto out = interpret(g, in);
  if (!out.ok()) return out.status().message();
  std::string text;
  for (const Tensor& t : *out) text += (text.empty() ? "" : " ") + t.to_string();
  return text;
}

TEST(Interpret, RunsNodesInOrder) {
  const Graph g = graph_of(R"(graph (%x: f32[N]) {
    %two = const f32[] {2}
    %a = mul(%x, %two)
    %y = relu(%a)
    return %y, %x, %two
  })");
  EXPECT_EQ(run_text(g, {vector({1, -3})}), "f32[2] {2, 0} f32[2] {1, -3} f32[] {2}");
}

TEST(Interpret, SizesReachAttributes) {
  const Graph g = graph_of(R"(graph (%x: f32[2*N, 2], %m: f32[N]) {
    %y = shaped(%x) {shape=[N, 4]}
    %i = where_nonzero(%m) : i64[K]
    %z = shaped(%i) {shape=[K, 1]}
    return %y, %z
  })");
  EXPECT_EQ(run_text(g, {Tensor::of<float>({4, 2}, {1, 2, 3, 4, 5, 6, 7, 8}), vector({0, 5})}),
            "f32[2, 4] {1, 2, 3, 4, 5, 6, 7, 8} i64[1, 1] {1}");
}

TEST(Interpret, ASymbolIsFoundThroughAnExpression) {
  const Graph g = graph_of(
      "graph (%x: f32[2*N + 1]) { %y = shaped(%x) {shape=[1, 2*N + 1]} %z = shaped(%x) {shape=[N, 3]} return "
      "%y, %z }");
  EXPECT_EQ(run_text(g, {vector({1, 2, 3})}), "f32[1, 3] {1, 2, 3} f32[1, 3] {1, 2, 3}");
  EXPECT_NE(run_text(g, {vector({1, 2, 3, 4})}).find("expected"), std::string::npos);
}

TEST(Interpret, NestedGraphsSeeTheSizesAround) {
  const Graph g = graph_of(R"(graph (%x: f32[N], %m: f32[M]) {
    %y = holder(%m) {body=graph (%a: f32[M]) {
      %b = shaped(%a) {shape=[N, floor(M/N)]}
      return %b
    }}
    return %y
  })");
  EXPECT_EQ(run_text(g, {vector({0, 0}), vector({1, 2, 3, 4})}), "f32[2, 2] {1, 2, 3, 4}");
}

TEST(Interpret, WrongInputsAreErrors) {
  const Graph g = graph_of("graph (%x: f32[N, 2], %y: f32[N]) { %z = neg(%x) return %z, %y }");
  const Tensor x = Tensor::of<float>({3, 2}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(run_text(g, {x}), "graph @main takes 2 inputs, got 1");
  EXPECT_EQ(run_text(g, {x, vector({1, 2})}), "the input %y has the shape [2], expected [N] with N=3");
  EXPECT_EQ(run_text(g, {vector({1}), vector({1})}), "the input %x has the shape [1], expected [N, 2]");
  EXPECT_EQ(run_text(g, {x, Tensor::of<int64_t>({3}, {1, 2, 3})}), "the input %y is i64, expected f32");
}

TEST(Interpret, ShowsEveryValueAndStopsWhenAsked) {
  const Graph g = graph_of("graph (%x: f32[1]) { %a = neg(%x) %b = neg(%a) return %b }");
  std::string seen;
  const Tensors in{vector({1})};
  ASSERT_TRUE(interpret(g, in, [&](ValueId v, const Tensor& t) {
                seen += g[v].name + "=" + t.to_string() + " ";
                return Status{};
              }).ok());
  EXPECT_EQ(seen, "a=f32[1] {-1} b=f32[1] {1} ");
  const auto stopped =
      interpret(g, in, [](ValueId, const Tensor&) { return Status::error(Code::internal, "enough"); });
  EXPECT_EQ(stopped.status().message(), "enough");
}

constexpr std::string_view kDiamond = R"(graph (%x: f32[N]) {
  %w = const f32[2] {1, 2}
  %s = const f32[] {3}
  %a = add(%x, %w) from "/A"
  %b = relu(%a)
  %c = mul(%a, %s) from "/C"
  %y = add(%b, %c)
  return %y, %b
}
)";

TEST(Subgraph, IsTakenOutAndPutBack) {
  Graph g = graph_of(kDiamond);
  const std::vector<NodeId> nodes{g[g.find("c")].producer, g[g.find("a")].producer, g[g.find("b")].producer};
  const auto taken = extract(g, nodes);
  ASSERT_TRUE(taken.ok()) << taken.status().to_string();
  EXPECT_EQ(print(taken->body), R"(graph @region (%x: f32[N], %w: f32[2]) {
  %s = const f32[] {3}
  %a = add(%x, %w) : f32[2]
  %b = relu(%a) : f32[2]
  %c = mul(%a, %s) : f32[2]
  return %b, %c
}
)");
  RK_EXPECT_OK(taken->body.verify());
  const Tensors in{vector({-5, 1})};
  const std::string expected = run_text(g, in);
  Patch p(g);
  const auto held = *p.add(Holder{std::make_shared<Graph>(taken->body)}, taken->inputs);
  for (size_t i = 0; i < held.size(); ++i) p.replace(taken->outputs[i], held[i]);
  RK_EXPECT_OK(g.apply(p));
  RK_EXPECT_OK(g.verify());
  EXPECT_EQ(g.node_count(), 2u);
  EXPECT_EQ(g.producer(g.find("c"))->origin, "/A, /C");
  EXPECT_EQ(run_text(g, in), expected);
  RK_EXPECT_OK(inline_region(g, g[g.find("c")].producer));
  RK_EXPECT_OK(g.verify());
  g.remove_dead();
  const Graph original = graph_of(kDiamond);
  ConstantTable one, two;
  EXPECT_EQ(run_text(g, in), expected);
  EXPECT_EQ(g.node_count(), original.node_count());
  EXPECT_EQ(g.producer(g.find("a"))->origin, "/A");
  EXPECT_EQ(g.producer(g.find("c"))->origin, "/C");
}

TEST(Subgraph, APathThroughTheOutsideIsRefused) {
  const Graph g = graph_of("graph (%x: f32[2]) { %a = neg(%x) %b = relu(%a) %y = add(%a, %b) return %y }");
  const std::vector<NodeId> nodes{g[g.find("a")].producer, g[g.find("y")].producer};
  const auto taken = extract(g, nodes);
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.status().message(),
            "nodes cannot be taken out as one: %y depends on one of them through a node that is not");
}

TEST(Subgraph, SizesThatTheBodyDefinesKeepTheirNamesOutside) {
  Graph g = graph_of(R"(graph (%x: f32[N]) {
    %r = relu(%x)
    %i = where_nonzero(%r) : i64[K]
    %y = add(%i, %i)
    return %y
  })");
  const std::vector<NodeId> nodes{g[g.find("r")].producer, g[g.find("i")].producer};
  const auto taken = extract(g, nodes);
  ASSERT_TRUE(taken.ok());
  Patch p(g);
  p.replace(g.find("i"), *p.add1(Holder{std::make_shared<Graph>(taken->body)}, taken->inputs));
  RK_EXPECT_OK(g.apply(p));
  RK_EXPECT_OK(g.verify());
  EXPECT_EQ(g[g.find("y")].type.to_string(), "i64[K]");
  EXPECT_EQ(run_text(g, {vector({0, 1, 2})}), "i64[2] {2, 4}");
  RK_EXPECT_OK(inline_region(g, g[g.find("i")].producer));
  RK_EXPECT_OK(g.verify());
  EXPECT_EQ(g[g.find("y")].type.to_string(), "i64[K]");
}

TEST(Subgraph, CloneForgetsWhatWasRemoved) {
  Graph g = graph_of(kDiamond);
  Patch p(g);
  p.replace(g.find("b"), *p.add1(ops::Neg{}, {g.find("a")}));
  RK_EXPECT_OK(g.apply(p));
  const auto copy = clone(g);
  ASSERT_TRUE(copy.ok());
  RK_EXPECT_OK(copy->verify());
  EXPECT_EQ(print(*copy), print(g));
  EXPECT_LT(copy->value_count(), g.value_count());
}

TEST(Subgraph, BodiesBindTheirSizes) {
  const Graph body = graph_of("graph (%a: f32[M, 2], %b: f32[M]) { %y = neg(%a) return %y }");
  const auto f32 = [](Shape s) { return TensorType{DType::f32, std::move(s)}; };
  const Dim n = Dim::symbol("N");
  const auto ok = infer_body("holder", body, Types{f32({n + 1, 2}), f32({n + 1})});
  ASSERT_TRUE(ok.ok()) << ok.status().to_string();
  EXPECT_EQ((*ok)[0].to_string(), "f32[N + 1, 2]");
  EXPECT_FALSE(infer_body("holder", body, Types{f32({n, 2}), f32({7})}).ok());
  EXPECT_FALSE(infer_body("holder", body, Types{f32({n, 3}), f32({n})}).ok());
  EXPECT_FALSE(infer_body("holder", body, Types{f32({n, 2})}).ok());
}

}  // namespace
}  // namespace rekindle
