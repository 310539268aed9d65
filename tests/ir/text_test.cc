// The text form: golden texts, exact round trips, errors with line and column, hostile texts.
// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <random>

#include "ir/text_reader.h"
#include "test_ops.h"

namespace rekindle {
namespace {

using namespace testing_ops;

std::string error_of(std::string_view text, const ConstantTable* constants = nullptr) {
  const auto graph = parse(text, table(), constants);
  return graph.ok() ? "ok" : graph.status().message();
}

void expect_round_trip(const std::string& text) { EXPECT_EQ(print(graph_of(text)), text); }

TEST(Text, PrintsWhatItReads) {
  expect_round_trip(R"(graph @mlp (%x: f32[N, 4], %"a/b.1": f32[], %12: boolean[N, 1]) {
  %bias = const f32[4] {1, -0.1, 1e-45, 3.4028235e+38}
  %h = add(%x, %bias) : f32[N, 4]
  %"odd \"name\"\\\n\x01" = leaky_relu(%h) {alpha=0.25} : f32[N, 4]
  %p, %conv1.weight = twice(%h) {negate=true} : f32[N, 4], f32[N, 4]
  %s = shaped(%p, _) {shape=[2*N, 2]} : f32[2*N, 2]
  %w = where(%12, %h, %"a/b.1") : f32[N, 4]
  return %s, %w, %"odd \"name\"\\\n\x01"
}
)");
  expect_round_trip("graph () {\n  return\n}\n");
  expect_round_trip("graph @\"\\x00\" (%x: f32[0, 3]) {\n  return %x\n}\n");
}

TEST(Text, TypesAreOptionalAndCheckedWhenGiven) {
  Graph g = graph_of("graph(%x:f32[2]){%y=relu(%x)# a comment\n%z = neg(%y)return %z}");
  EXPECT_EQ(g[g.find("z")].type.to_string(), "f32[2]");
  EXPECT_EQ(error_of("graph (%x: f32[2]) {\n  %y = relu(%x) : f32[3]\n  return %y\n}"),
            "line 2, column 25: %y is f32[2], but the text says f32[3]");
}

TEST(Text, SizesThatNodesDefineKeepTheirNames) {
  expect_round_trip(R"(graph (%x: f32[N]) {
  %i = where_nonzero(%x) : i64[found]
  %v, %w = positive(%x) : f32[K], i64[K]
  %y = shaped(%i) {shape=[1, found]} : i64[1, found]
  return %y, %v, %w
}
)");
  EXPECT_NE(error_of("graph (%x: f32[N]) { %i = where_nonzero(%x) : i64[N] return %i }"), "ok");
}

TEST(Text, LargeConstantsGoToATable) {
  Graph g;
  std::vector<float> many(17);
  for (size_t i = 0; i < many.size(); ++i) many[i] = float(i);
  const ValueId w = g.add_constant("w", Tensor::of<float>({17}, many));
  auto body = std::make_shared<Graph>();
  body->set_outputs({body->add_constant("inner", Tensor::of<float>({17}, many))});
  const ValueId h = *g.add1(Holder{body}, {}, "h");
  g.set_outputs({w, h});
  ConstantTable constants;
  const std::string text = print(g, constants);
  EXPECT_EQ(text, R"(graph () {
  %w = const #0 : f32[17]
  %h = holder() {body=graph () {
    %inner = const #1 : f32[17]
    return %inner
  }} : f32[17]
  return %w, %h
}
)");
  ASSERT_EQ(constants.constants.size(), 2u);
  const auto back = parse(text, table(), &constants);
  ASSERT_TRUE(back.ok()) << back.status().to_string();
  RK_EXPECT_OK(back->verify());
  ConstantTable again;
  EXPECT_EQ(print(*back, again), text);
  EXPECT_TRUE(again.constants[1]->same_bits(*constants.constants[1]));
  EXPECT_EQ(error_of(text), "line 2, column 16: constant #0 does not exist, there are 0");
  EXPECT_EQ(error_of("graph () { %w = const #1 : f32[3] return %w }", &constants),
            "line 1, column 34: constant #1 is f32[17], but the text says f32[3]");
}

TEST(Text, EveryAttributeReadsBack) {
  Everything e;
  e.flag = true, e.whole = INT64_MIN, e.small = -7, e.real = -0.0f, e.wide = 0.1,
  e.text = "a \"b\"\\\n\t\x7f{}", e.dim = Dim::symbol("N") * 2 + 1, e.colour = Colour::green,
  e.type = {DType::i64, {Dim::symbol("N"), 3}}, e.list = {1, -2}, e.texts = {"", "x, y"},
  e.nested = {{}, {1.5f, std::numeric_limits<float>::infinity()}}, e.maybe = 0,
  e.tensor = Tensor::of<int64_t>({2}, {INT64_MAX, -1});
  e.graph = std::make_shared<Graph>(graph_of("graph (%q: f32[2]) { %r = relu(%q) return %r }"));
  e.graphs = {e.graph, nullptr};
  Graph g;
  g.set_outputs({*g.add1(e, {g.add_input("x", {DType::f32, {2}})}, "y")});
  const std::string text = print(g);
  const Graph back = graph_of(text);
  EXPECT_EQ(print(back), text);
  const Everything& r = *back.producer(back.find("y"))->op.as<Everything>();
  EXPECT_EQ(r.flag, e.flag);
  EXPECT_EQ(r.whole, e.whole);
  EXPECT_EQ(r.small, e.small);
  EXPECT_TRUE(std::signbit(r.real));
  EXPECT_EQ(r.wide, e.wide);
  EXPECT_EQ(r.text, e.text);
  EXPECT_EQ(r.dim, e.dim);
  EXPECT_EQ(r.colour, e.colour);
  EXPECT_EQ(r.type, e.type);
  EXPECT_EQ(r.list, e.list);
  EXPECT_EQ(r.texts, e.texts);
  EXPECT_EQ(r.nested, e.nested);
  EXPECT_EQ(r.maybe, e.maybe);
  EXPECT_EQ(r.maybe_real, std::nullopt);
  EXPECT_TRUE(r.tensor.same_bits(e.tensor));
  EXPECT_EQ(r.graphs.size(), 2u);
  EXPECT_EQ(r.graphs[1], nullptr);
  EXPECT_EQ(print(*r.graph), print(*e.graph));
  EXPECT_TRUE(Op(r) == Op(e));
  EXPECT_FALSE(Op(r) == Op(Everything{}));
}

/// Random bits of every type survive: subnormals, NaN payloads, the ends of every range.
TEST(Text, ConstantsOfEveryTypeReadBackExactly) {
  std::mt19937_64 random(7);
  for (size_t d = 0; d < kDTypeNames.size(); ++d) {
    const DType dtype = DType(d);
    for (int round = 0; round < 200; ++round) {
      Tensor t;
      if (dtype == DType::string) {
        std::string s;
        for (size_t n = random() % 6; n > 0; --n) s += char(random());
        t = Tensor::of_strings({2}, {s, ""});
      } else {
        t = Tensor(dtype, {2});
        for (int64_t i = 0; i < t.bytes(); ++i) {
          uint8_t byte = uint8_t(random());
          if (dtype == DType::boolean) byte &= 1;
          static_cast<uint8_t*>(t.raw())[i] = byte;
        }
        if (is_complex(dtype)) continue;  // below: payloads of complex NaNs are not kept
      }
      Graph g;
      g.set_outputs({g.add_constant("c", t)});
      const auto back = parse(print(g), table());
      ASSERT_TRUE(back.ok()) << back.status().to_string() << print(g);
      ASSERT_TRUE(back->constant(back->find("c"))->same_bits(t)) << print(g);
    }
  }
  const Tensor c = Tensor::of<std::complex<double>>({2}, {{0.1, -1e300}, {-0.0, 3}});
  Graph g;
  g.set_outputs({g.add_constant("c", c)});
  const Graph back = graph_of(print(g));
  EXPECT_TRUE(back.constant(back.find("c"))->same_bits(c));
}

TEST(Text, ErrorsNameThePlace) {
  EXPECT_EQ(error_of(""), "line 1, column 1: found the end, expected 'graph'");
  EXPECT_EQ(error_of("graph (%x: f32[2])\n{ %y = nothing(%x) return %y }"),
            "line 2, column 15: there is no op 'nothing'");
  EXPECT_EQ(error_of("graph () { %y = relu(%x) return %y }"),
            "line 1, column 24: %x is not defined before it is used");
  EXPECT_EQ(error_of("graph (%x: f32[2], %x: f32[2]) { return %x }"),
            "line 1, column 22: %x is defined already");
  EXPECT_EQ(error_of("graph (%x: f32[2]) { %y = leaky_relu(%x) {beta=1} return %y }"),
            "line 1, column 48: leaky_relu has no attribute 'beta'; it has alpha");
  EXPECT_EQ(error_of("graph (%x: f32[2]) { %y = relu(%x) {beta=1} return %y }"),
            "line 1, column 42: relu has no attribute 'beta', it has none");
  EXPECT_EQ(error_of("graph (%x: f32[2]) { %y = everything(%x) {colour=blue} return %y }"),
            "line 1, column 54: 'blue' is none of red, green");
  EXPECT_EQ(error_of("graph (%x: f32[2]) { %y = everything(%x) {small=3000000000} return %y }"),
            "line 1, column 59: '3000000000' is outside the range of a 32-bit integer");
  EXPECT_EQ(error_of("graph (%x: f32[2]) { %y, %z = relu(%x) return %y }"),
            "line 1, column 40: relu has 1 outputs, but 2 are named");
  EXPECT_EQ(error_of("graph (%x: f32[2]) { %y = twice(%x) return %y }"),
            "line 1, column 37: twice has 2 outputs, but 1 are named");
  EXPECT_EQ(error_of("graph (%x: f32[2]) { return %x, %x }"), "line 1, column 35: %x is returned twice");
  EXPECT_EQ(error_of("graph (%x: f32[2]) { return %x } more"),
            "line 1, column 34: text goes on after the graph, expected the end");
  EXPECT_EQ(error_of("graph () { %c = const u8[1] {256} return %c }"),
            "line 1, column 33: 256 is outside the range of u8");
  EXPECT_EQ(error_of("graph () { %c = const f32[2] {1} return %c }"),
            "line 1, column 32: found '}', expected ','");
  EXPECT_NE(error_of("graph (%x: f33[2]) { return %x }").find("f33"), std::string::npos);
  EXPECT_NE(error_of("graph (%x: f32[2]) { %y = where(_, %x, %x) return %y }").find("absent"),
            std::string::npos);
}

TEST(Text, HostileTextsAreOnlyErrors) {
  std::string nested = "graph () { return }";
  for (int i = 0; i < 70; ++i) nested = "graph () { %h = holder() {body=" + nested + "} return }";
  EXPECT_NE(error_of(nested).find("nested more than 64 deep"), std::string::npos);
  std::string deep = "graph (%x: f32[2]) { %y = everything(%x) {nested=";
  deep += std::string(100000, '[');
  EXPECT_NE(error_of(deep), "ok");
  EXPECT_NE(error_of("graph (%x: f32[" + std::string(100000, '(') + "]) { return %x }"), "ok");
  EXPECT_NE(error_of("graph () { %c = const f32[100000000000000] {1} return %c }"), "ok");
  EXPECT_NE(error_of("graph () { %c = const f32[1000000000000] {1} return %c }").find("the text ends before"),
            std::string::npos);
  EXPECT_NE(error_of("graph () { %c = const f32[-1] {} return %c }"), "ok");
  EXPECT_NE(error_of("graph () { %c = const f32[N] {} return %c }"), "ok");
  EXPECT_NE(error_of("graph () { %c = const #99999999999999999999 return %c }"), "ok");
  EXPECT_NE(error_of("graph () { %c = const #-1 return %c }"), "ok");
  EXPECT_NE(error_of("graph @ () { return }"), "ok");
  EXPECT_NE(error_of("graph (%\"\": f32[2]) { return }"), "ok");
  EXPECT_NE(error_of(std::string("graph (%x\0: f32[2]) { return }", 30)), "ok");
}

/// Every prefix and thousands of mutations of a text that has everything: errors or graphs, never more.
TEST(Text, MutatedTextsNeverCrash) {
  const std::string text = R"(graph @m (%x: f32[N, 2], %"q r": i64[2]) {
  %c = const f32[2] {nan, -inf}
  %d = const string[1] {"a\n"}
  %e = const u4[3] {1, 2, 3}
  %a, %b = twice(%x) {negate=true} : f32[N, 2], f32[N, 2] from "/a"
  %i = holder(%x) {body=graph (%x: f32[N, 2]) {
    %y = add(%x, %x)
    return %y
  }}
  %g = everything(%a) {list=[1, 2], maybe=none, dim=floor(N/2), tensor=f32[1] {2}, real=1e-3}
  return %g, %i
}
)";
  graph_of(text);
  const auto survives = [](const std::string& t) {
    const auto graph = parse(t, table());
    if (!graph.ok()) return;
    RK_EXPECT_OK(graph->verify());
    const std::string once = print(*graph);
    ASSERT_EQ(print(graph_of(once)), once);
  };
  for (size_t n = 0; n < text.size(); ++n) survives(text.substr(0, n));
  std::mt19937 random(3);
  const std::string alphabet = "%@\"{}[]()=,:#\\ \n0123456789-+.eNxyabfgraph_const\x01\xff";
  for (int i = 0; i < 4000; ++i) {
    std::string t = text;
    for (size_t edits = 1 + random() % 3; edits > 0; --edits) {
      const size_t at = random() % t.size();
      switch (random() % 3) {
        case 0:
          t[at] = alphabet[random() % alphabet.size()];
          break;
        case 1:
          t.erase(at, 1 + random() % 8);
          break;
        default:
          t.insert(at, t.substr(random() % t.size(), 1 + random() % 12));
      }
      if (t.empty()) t = " ";
    }
    survives(t);
  }
}

TEST(Text, RandomGraphsReadBack) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](size_t n) { return size_t(random() % n); };
    Graph g;
    g.name = below(2) ? "main" : "g " + std::to_string(seed);
    std::vector<ValueId> values{g.add_input("x", {DType::f32, {Dim::symbol("N"), 3}}),
                                g.add_input("y/0", {DType::f32, {1, 3}})};
    for (size_t i = 0, n = 1 + below(25); i < n; ++i) {
      const ValueId a = values[below(values.size())], b = values[below(values.size())];
      const std::string name = below(3) ? "" : "v" + std::string(1 + below(3), "/. _x\"%"[below(7)]);
      switch (below(6)) {
        case 0:
          values.push_back(*g.add1(ops::Add{}, {a, b}, name));
          break;
        case 1:
          values.push_back(
              *g.add1(ops::LeakyRelu{float(below(1000)) / 7}, {a}, name, "/o" + std::to_string(i)));
          break;
        case 2:
          values.push_back(
              g.add_constant(name, Tensor::of<float>({3}, {float(below(100)) / 3, -0.0f, 1e-20f})));
          break;
        case 3: {
          const auto both = *g.add(Twice{}, {a}, {name});
          values.insert(values.end(), both.begin(), both.end());
          break;
        }
        case 4: {
          auto body = std::make_shared<Graph>();
          const ValueId in = body->add_input("in", g[a].type);
          body->set_outputs({*body->add1(ops::Neg{}, {in})});
          values.push_back(*g.add1(Holder{body}, {a}, name));
          break;
        }
        default:
          *g.add(Positive{}, {a}, {name});
          break;
      }
    }
    std::set<ValueId> outputs;
    for (int i = 0; i < 3; ++i) outputs.insert(values[below(values.size())]);
    g.set_outputs({outputs.begin(), outputs.end()});
    RK_EXPECT_OK(g.verify());
    ConstantTable constants;
    const std::string text = print(g, constants, true);
    const auto back = parse(text, table(), &constants);
    ASSERT_TRUE(back.ok()) << back.status().to_string() << text;
    RK_EXPECT_OK(back->verify());
    ConstantTable again;
    EXPECT_EQ(print(*back, again, true), text);
  }
}

}  // namespace
}  // namespace rekindle
