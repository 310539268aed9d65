// What an import is made of besides converters: names, scopes, shapes, constants, functions, branches, notes.
// SPDX-License-Identifier: Apache-2.0
#include "onnx/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "onnx/model_text.h"

namespace rekindle::onnx {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

/// The bytes live as long as the test: graphs may look into them.
struct Import {
  explicit Import(std::string b, const ImportOptions& options = {})
      : bytes(std::move(b)), result(import_bytes(as_bytes(bytes), {}, options)) {}
  std::string error() const { return result.status().message(); }
  std::string text() const { return result.ok() ? print(result->graph) : "! " + error(); }
  const std::string bytes;
  Result<Imported> result;
};
std::string notes_of(const Import& import) {
  std::string all;
  if (import.result.ok())
    for (const std::string& note : import.result->notes) all += note + "\n";
  return all;
}

TEST(Import, SaysWhatTheFileIs) {
  std::string more;
  pbf_writer w(more);
  w.add_string(2, "tester");
  w.add_string(3, "1.2");
  std::string entry;
  pbf_writer e(entry);
  e.add_string(1, "stride"), e.add_string(2, "32");
  w.add_message(14, entry);
  GraphWriter g;
  g.input("x", "f32[2]").output("y").node("Relu", {"x"}, {"y"}, {}, "/act/Relu");
  g.add(2, "");
  const Import import(model_bytes(g, 17, more));
  ASSERT_TRUE(import.result.ok()) << import.error();
  const Imported& m = *import.result;
  EXPECT_EQ(m.producer, "tester 1.2");
  EXPECT_EQ(m.metadata.at("stride"), "32");
  EXPECT_EQ(m.opset, 17);
  EXPECT_EQ(m.ir_version, 8);
  EXPECT_EQ(m.node_count, 1);
  EXPECT_NE(m.content_hash, 0u);
  EXPECT_EQ(m.graph[m.graph.first()].origin, "/act/Relu");
}

TEST(Import, ReportsAllProblemsAtOnce) {
  const Import import(
      model("x: f32[2, 3]; a = Relu(x) {beta=1.0}; b = Softmax(x) {axis=7}; c = Mystery(x); d = Mystery(c); "
            "e = Add(x, nothing); "
            "f = Neg(a); return b, d, e, f"));
  const std::string e = import.error();
  EXPECT_THAT(e, HasSubstr("the model has 4 problems:"));
  EXPECT_THAT(e, HasSubstr("node 0 (Relu, opset 17): attribute 'beta' has no meaning here"));
  EXPECT_THAT(e, HasSubstr("node 1 (Softmax, opset 17): axis 7 is outside rank 2"));
  EXPECT_THAT(
      e, HasSubstr("node 4 (Add, opset 17): input 1 'nothing' is made by no node, input or initializer"));
  EXPECT_THAT(
      e, HasSubstr("op 'Mystery' of domain ai.onnx (opset 17) is not supported: 2 nodes, the first is node 2 "
                   "(Mystery, opset 17)"));
  EXPECT_THAT(e, Not(HasSubstr("Neg")));  // its only problem is that of node 0
}

TEST(Import, NodesMayComeInAnyOrder) {
  const Import import(model("x: f32[2]; z = Neg(y); y = Relu(x); return z"));
  EXPECT_EQ(import.text(),
            "graph (%x: f32[2]) {\n  %y = relu(%x) : f32[2]\n  %z = neg(%y) : f32[2]\n  return %z\n}\n");
}

TEST(Import, OutputsAreValuesOfTheirOwn) {
  const Import same(model("x: f32[2]; y = Relu(x); z = Identity(y); return y, z"));
  EXPECT_EQ(same.text(),
            "graph (%x: f32[2]) {\n  %y = relu(%x) : f32[2]\n  %z = copy(%y) : f32[2]\n  return %y, %z\n}\n");
  const Import named(model("x: f32[2]; y = Relu(x); z = Identity(y); return z"));
  EXPECT_EQ(named.text(), "graph (%x: f32[2]) {\n  %z = relu(%x) : f32[2]\n  return %z\n}\n");
  const Import input(model("x: f32[2]; y = Identity(x)"));
  EXPECT_EQ(input.text(), "graph (%x: f32[2]) {\n  %y = copy(%x) : f32[2]\n  return %y\n}\n");
}

TEST(Import, InputDimsBecomeSymbols) {
  const Import import(model("\"in:0\": f32[batch, a-b, ?, ?, -1, 0]; y: f32[a-b, a_b]; z = Relu(\"in:0\")"));
  ASSERT_TRUE(import.result.ok()) << import.error();
  const Graph& g = import.result->graph;
  EXPECT_EQ(g[g.inputs[0]].type.to_string(), "f32[batch, a_b, in_0_d2, in_0_d3, in_0_d4, 0]");
  EXPECT_EQ(g[g.inputs[1]].type.to_string(), "f32[a_b, a_b_2]");  // another name, so another size
}

TEST(Import, ShapesCanBeGiven) {
  ImportOptions options;
  options.shapes["x"] = {Dim(1), Dim::symbol("W")};
  const Import import(model("x: f32[10, 32]; y = Relu(x)"), options);
  EXPECT_THAT(import.text(), HasSubstr("%y = relu(%x) : f32[1, W]"));
  const Import without(model("x: f32; y = Relu(x)"), options);
  EXPECT_THAT(without.text(), HasSubstr("f32[1, W]"));
  options.shapes["x"] = {Dim(1)};
  EXPECT_EQ(Import(model("x: f32[10, 32]; y = Relu(x)"), options).error(),
            "input 'x' is f32[10, 32], but the shape given for it is [1]");
  options.shapes = {{"q", {Dim(1)}}};
  EXPECT_EQ(Import(model("x: f32[10, 32]; y = Relu(x)"), options).error(),
            "a shape is given for 'q', which is no input of the model");
}

TEST(Import, InputsNeedARank) {
  EXPECT_THAT(Import(model("x: f32; y = Relu(x)")).error(),
              HasSubstr("input 'x' has no shape, and its rank must be known"));
  EXPECT_THAT(Import(model("x: ?; y = Relu(x)")).error(),
              HasSubstr("input 'x' is of no type, expected a tensor"));
}

TEST(Import, InitializersWinOverInputs) {
  const Import old(model("ir 3; x: f32[2]; w: f32[2]; w = f32[2] {1, 2}; y = Add(x, w)"));
  ASSERT_TRUE(old.result.ok()) << old.error();
  EXPECT_EQ(old.result->graph.inputs.size(), 1u);
  EXPECT_EQ(notes_of(old), "");
  const Import now(model("ir 8; x: f32[2]; w: f32[2]; w = f32[2] {1, 2}; y = Add(x, w)"));
  EXPECT_EQ(now.result->graph.inputs.size(), 1u);
  EXPECT_EQ(notes_of(now), "1 inputs have an initializer and are taken as constants\n");
}

TEST(Import, DeclaredTypesAreHints) {
  GraphWriter g;
  g.input("x", "f32[N, 4]").output("y", "f32[10, 8]").node("Relu", {"x"}, {"y"});
  const Import import(model_bytes(g));
  ASSERT_TRUE(import.result.ok()) << import.error();
  EXPECT_EQ(notes_of(import), "'y' is declared as f32[10, 8] but is f32[N, 4]\n");
}

TEST(Import, VersionsAreChecked) {
  GraphWriter g;
  g.input("x", "f32[2]").output("y").node("Relu", {"x"}, {"y"});
  EXPECT_EQ(Import(model_bytes(g, 9999)).error(), "the model uses opset 9999 of ai.onnx, expected 1 to 28");
  EXPECT_EQ(Import(model_bytes(g, 0)).error(), "the model uses opset 0 of ai.onnx, expected 1 to 28");
  std::string none;
  pbf_writer(none).add_message(7, g.bytes());
  EXPECT_EQ(Import(none).error(), "the model has no opset_import, expected at least one for ai.onnx");
  std::string twice;
  pbf_writer(twice).add_message(8, opset_bytes("ai.onnx", 12));
  EXPECT_EQ(Import(model_bytes(g, 17, twice)).error(), "opset_import names the domain ai.onnx twice");
  const Import newer(model_bytes(g, 17, {}, 99));
  EXPECT_THAT(notes_of(newer), HasSubstr("the file is of IR version 99"));
  EXPECT_EQ(Import(model("x: f32[2]; y = some::Op(x)")).error(),
            "node 0 (some.Op): no opset_import names the domain 'some'");
}

// ---- functions

std::string function_bytes(const std::string& name, const std::vector<std::string>& in,
                           const std::vector<std::string>& out, const std::vector<std::string>& nodes,
                           const std::vector<std::string>& attributes = {}) {
  std::string f;
  pbf_writer w(f);
  w.add_string(1, name);
  for (const auto& i : in) w.add_string(4, i);
  for (const auto& o : out) w.add_string(5, o);
  for (const auto& a : attributes) w.add_string(6, a);
  for (const auto& n : nodes) w.add_message(7, n);
  w.add_message(9, opset_bytes("", 17));
  w.add_message(9, opset_bytes("local", 1));
  w.add_string(10, "local");
  return f;
}
std::string with_functions(const GraphWriter& g, const std::vector<std::string>& functions) {
  std::string more;
  pbf_writer w(more);
  w.add_message(8, opset_bytes("local", 1));
  for (const auto& f : functions) w.add_message(25, f);
  return model_bytes(g, 17, more);
}

TEST(Import, FunctionsAreInlined) {
  GraphWriter g;
  g.input("x", "f32[2]").output("z");
  g.node("Scale", {"x"}, {"y"}, {attr("slope", 0.25f)}, "first", "local");
  g.node("Scale", {"y"}, {"z"}, {}, "second", "local");
  std::string fn = function_bytes("Scale", {"a", "b"}, {"r"},
                                  {node_bytes("LeakyRelu", {"a"}, {"t"}, {attr_ref("alpha", "slope", 1)}),
                                   node_bytes("Neg", {"t"}, {"r"})},
                                  {"slope"});
  const Import import(with_functions(g, {fn}));
  EXPECT_EQ(import.text(),
            "graph (%x: f32[2]) {\n"
            "  %\"first/t\" = leaky_relu(%x) {alpha=0.25} : f32[2]\n"
            "  %y = neg(%\"first/t\") : f32[2]\n"
            "  %\"second/t\" = leaky_relu(%y) : f32[2]\n"  // no attribute, so the op's own default
            "  %z = neg(%\"second/t\") : f32[2]\n"
            "  return %z\n}\n");
}

TEST(Import, ProblemsInFunctionsNameTheCall) {
  GraphWriter g;
  g.input("x", "f32[2]").output("y").node("F", {"x"}, {"y"}, {}, "call", "local");
  const std::string fn =
      function_bytes("F", {"a"}, {"r"}, {node_bytes("Softmax", {"a"}, {"r"}, {attr("axis", 5)}, "inner")});
  EXPECT_EQ(Import(with_functions(g, {fn})).error(),
            "node 0 'call' (local.F, opset 1), function 'local.F', node 0 'inner' (Softmax, opset 17): axis "
            "5 is outside rank 1");
  GraphWriter many;
  many.input("x", "f32[2]").output("y").node("F", {"x", "x"}, {"y"}, {attr("k", 1)}, "", "local");
  EXPECT_THAT(Import(with_functions(many, {fn})).error(),
              HasSubstr("function 'local.F' takes 1 inputs and makes 1, but the call has 2 and 1"));
  GraphWriter extra;
  extra.input("x", "f32[2]").output("y").node("F", {"x"}, {"y"}, {attr("k", 1)}, "", "local");
  EXPECT_THAT(Import(with_functions(extra, {fn})).error(),
              HasSubstr("function 'local.F' has no attribute 'k'"));
}

TEST(Import, FunctionsMayNotRecur) {
  GraphWriter g;
  g.input("x", "f32[2]").output("y").node("A", {"x"}, {"y"}, {}, "", "local");
  const std::string self =
      function_bytes("A", {"a"}, {"r"}, {node_bytes("A", {"a"}, {"r"}, {}, "", "local")});
  EXPECT_THAT(Import(with_functions(g, {self})).error(),
              HasSubstr("function 'local.A' calls itself: 'local.A' -> 'local.A'"));
  const std::string a = function_bytes("A", {"a"}, {"r"}, {node_bytes("B", {"a"}, {"r"}, {}, "", "local")});
  const std::string b = function_bytes("B", {"a"}, {"r"}, {node_bytes("A", {"a"}, {"r"}, {}, "", "local")});
  EXPECT_THAT(Import(with_functions(g, {a, b})).error(), HasSubstr("'local.A' -> 'local.B' -> 'local.A'"));
  GraphWriter branch;
  branch.output("r").node("A", {"a"}, {"r"}, {}, "", "local");
  const std::string through_if = function_bytes(
      "A", {"a"}, {"r"},
      {node_bytes("Cast", {"a"}, {"c"}, {attr("to", 9)}), node_bytes("Squeeze", {"c"}, {"s"}),
       node_bytes("If", {"s"}, {"r"}, {attr("then_branch", branch), attr("else_branch", branch)})});
  GraphWriter one;
  one.input("x", "f32[1]").output("y").node("A", {"x"}, {"y"}, {}, "", "local");
  EXPECT_THAT(Import(with_functions(one, {through_if})).error(), HasSubstr("calls itself"));
}

TEST(Import, FunctionsMayNotExplode) {  // 2^40 nodes from forty functions
  std::vector<std::string> functions;
  for (int i = 0; i < 40; ++i) {
    const std::string next = i == 39 ? "Relu" : "F" + std::to_string(i + 1), domain = i == 39 ? "" : "local";
    functions.push_back(function_bytes(
        "F" + std::to_string(i), {"a"}, {"r"},
        {node_bytes(next, {"a"}, {"t"}, {}, "", domain), node_bytes(next, {"t"}, {"r"}, {}, "", domain)}));
  }
  GraphWriter g;
  g.input("x", "f32[2]").output("y").node("F0", {"x"}, {"y"}, {}, "", "local");
  EXPECT_THAT(Import(with_functions(g, functions)).error(),
              HasSubstr("functions and branches expand to more than"));
}

// ---- If

GraphWriter branch(const std::string& op, const std::string& in, const std::string& out) {
  GraphWriter g;
  g.output(out).node(op, {in}, {out}, {}, op + "_in_branch");
  return g;
}

TEST(Import, BranchesTakeWhatTheyCapture) {
  GraphWriter g;
  g.input("c", "boolean[]").input("x", "f32[N, 3]").output("y");
  g.node("If", {"c"}, {"y"},
         {attr("then_branch", branch("Relu", "x", "a")), attr("else_branch", branch("Neg", "x", "b"))});
  const Import import(model_bytes(g));
  ASSERT_TRUE(import.result.ok()) << import.error();
  ASSERT_TRUE(import.result->graph.verify().ok());
  EXPECT_THAT(import.text(), HasSubstr(" : f32[N, 3]"));
  for (const bool condition : {true, false}) {
    const Tensors in = {Tensor::scalar<bool>(condition), Tensor::of<float>({1, 3}, {-1, 0, 2})};
    const auto out = interpret(import.result->graph, in);
    ASSERT_TRUE(out.ok()) << out.status().to_string();
    EXPECT_THAT((*out)[0].values<float>(), condition ? ElementsAre(0, 0, 2) : ElementsAre(1, 0, -2));
  }
}

TEST(Import, KnownConditionsChooseABranch) {
  GraphWriter bad;
  bad.output("b").node("Mystery", {"x"}, {"b"});
  GraphWriter g;
  g.input("x", "f32[N, 3]").output("y");
  g.node("Shape", {"x"}, {"s"}, {attr("start", 1)});
  g.initializer("three", Tensor::of<int64_t>({1}, {3}));
  g.node("Equal", {"s", "three"}, {"c"});
  g.node("If", {"c"}, {"y"}, {attr("then_branch", branch("Relu", "x", "a")), attr("else_branch", bad)});
  EXPECT_EQ(Import(model_bytes(g)).text(),
            "graph (%x: f32[N, 3]) {\n  %y = relu(%x) : f32[N, 3]\n  return %y\n}\n");
}

TEST(Import, ProblemsInBranchesSayWhere) {
  GraphWriter bad;
  bad.output("b").node("Mystery", {"x"}, {"b"}, {}, "inner");
  GraphWriter g;
  g.input("c", "boolean[]").input("x", "f32[N, 3]").output("y");
  g.node("If", {"c"}, {"y"}, {attr("then_branch", branch("Relu", "x", "a")), attr("else_branch", bad)},
         "cond");
  EXPECT_EQ(Import(model_bytes(g)).error(),
            "op 'Mystery' of domain ai.onnx (opset 17) is not supported: node 0 'cond' (If, opset 17), "
            "else_branch, node 0 "
            "'inner' (Mystery, opset 17)");
  GraphWriter inputs = branch("Neg", "x", "b");
  inputs.input("q", "f32[]");
  GraphWriter h;
  h.input("c", "boolean[]").input("x", "f32[N, 3]").output("y");
  h.node("If", {"c"}, {"y"}, {attr("then_branch", branch("Relu", "x", "a")), attr("else_branch", inputs)});
  EXPECT_THAT(Import(model_bytes(h)).error(), HasSubstr("a branch has 1 inputs, expected none"));
}

TEST(Import, ABranchRuledOutByShapesFailsWhenTaken) {
  GraphWriter wrong;
  wrong.output("b").node("MatMul", {"x", "x"}, {"b"});  // [2, 3] by [2, 3]
  GraphWriter g;
  g.input("c", "boolean[]").input("x", "f32[2, 3]").output("y");
  g.node("If", {"c"}, {"y"}, {attr("then_branch", branch("Relu", "x", "a")), attr("else_branch", wrong)});
  const Import import(model_bytes(g));
  ASSERT_TRUE(import.result.ok()) << import.error();
  EXPECT_THAT(notes_of(import), HasSubstr("else_branch, node 0 (MatMul, opset 17): "));
  EXPECT_THAT(notes_of(import), HasSubstr("taking this branch will be an error"));
  const Tensor x = Tensor::of<float>({2, 3}, {-1, 0, 2, 3, 4, 5});
  const Tensors taken = {Tensor::scalar<bool>(true), x}, not_taken = {Tensor::scalar<bool>(false), x};
  EXPECT_TRUE(interpret(import.result->graph, taken).ok());
  EXPECT_THAT(interpret(import.result->graph, not_taken).status().to_string(),
              HasSubstr("else_branch, node 0 (MatMul"));
}

TEST(Import, AnAxisDroppedWhereItsSizeAllowsIsAlwaysDropped) {
  GraphWriter squeeze;
  squeeze.output("b").node("Squeeze", {"x", "last"}, {"b"});
  GraphWriter g;
  g.input("x", "f32[N, 3, K]").output("y");
  g.initializer("last", Tensor::of<int64_t>({1}, {2})).initializer("one", Tensor::of<int64_t>({1}, {1}));
  g.node("Shape", {"x"}, {"s"}, {attr("start", 2)});
  g.node("Equal", {"s", "one"}, {"c"});
  g.node("If", {"c"}, {"y"},
         {attr("then_branch", squeeze), attr("else_branch", branch("Identity", "x", "a"))});
  const Import import(model_bytes(g));
  ASSERT_TRUE(import.result.ok()) << import.error();
  EXPECT_THAT(notes_of(import), HasSubstr("only sizes for which it drops axes are supported: its value is "
                                          "f32[N, 3], not f32[N, 3, K]"));
  const Tensors one = {Tensor(DType::f32, {2, 3, 1})}, two = {Tensor(DType::f32, {2, 3, 2})};
  const auto made = interpret(import.result->graph, one);
  ASSERT_TRUE(made.ok()) << made.status().message();
  EXPECT_EQ((*made)[0].dims(), (Dims{2, 3}));
  EXPECT_THAT(interpret(import.result->graph, two).status().to_string(), HasSubstr("drops axes"));
}

TEST(Import, BranchesOfDifferentRankAskForShapes) {
  GraphWriter flat;
  flat.output("b").node("Flatten", {"x"}, {"b"});
  GraphWriter g;
  g.input("c", "boolean[]").input("x", "f32[N, 3, 4]").output("y");
  g.node("If", {"c"}, {"y"}, {attr("then_branch", branch("Relu", "x", "a")), attr("else_branch", flat)});
  EXPECT_THAT(Import(model_bytes(g)).error(), HasSubstr("fixed input shapes may decide the condition"));
}

// ---- scale

TEST(Import, LongChainsTakeSeconds) {
  GraphWriter g;
  g.input("v0", "f32[4]").output("v200000");
  for (int i = 0; i < 200'000; ++i) g.node("Relu", {"v" + std::to_string(i)}, {"v" + std::to_string(i + 1)});
  const Import import(model_bytes(g));
  ASSERT_TRUE(import.result.ok()) << import.error();
  EXPECT_EQ(import.result->graph.node_count(), 200'000u);
}

TEST(Import, NamesAreOnlyText) {
  const std::string nasty = "a\nb\"c'</script>\\\x01\xff", longest(size_t(1) << 20, 'n');
  GraphWriter g;
  g.input(nasty, "f32[2]").output(longest);
  g.node("Relu", {nasty}, {"mid"}, {}, nasty).node("Neg", {"mid"}, {longest});
  const Import import(model_bytes(g));
  ASSERT_TRUE(import.result.ok()) << import.error();
  const Graph& graph = import.result->graph;
  EXPECT_EQ(graph[graph.inputs[0]].name, nasty);
  EXPECT_EQ(graph[graph.outputs[0]].name, longest);
  const auto again = parse(print(graph), ops::table());
  ASSERT_TRUE(again.ok()) << again.status().message().substr(0, 300);
  EXPECT_EQ(print(*again), print(graph));
  GraphWriter bad;
  bad.input("x", "f32[2]").output("y").node("Softmax", {"x"}, {"y"}, {attr("axis", 9)}, nasty);
  EXPECT_EQ(Import(model_bytes(bad)).error(),
            "node 0 'a\\nb\"c\\'</script>\\\\\\x01\\xff' (Softmax, opset 17): axis 9 is outside rank 1");
}

}  // namespace
}  // namespace rekindle::onnx
