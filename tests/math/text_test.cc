// Ops on strings, and the regular expressions behind one of them.
// SPDX-License-Identifier: Apache-2.0
#include "math/text.h"

#include "math/regex.h"
#include "math/trees.h"
#include "run_op.h"

namespace rekindle::ops {
namespace {

using namespace rekindle::test;
using Words = std::vector<std::string>;

Tensor words(const Words& values) { return Tensor::of_strings({int64_t(values.size())}, values); }

TEST(Text, ConcatBroadcasts) {
  const Tensor out = run(StringConcat{}, {Tensor::of_strings({2, 1}, {"a", "b"}), words({"x", "y"})});
  EXPECT_EQ(out.dims(), (Dims{2, 2}));
  EXPECT_EQ(out.strings(), (Words{"ax", "ay", "bx", "by"}));
}

TEST(Text, Splits) {
  Tensors out = run_all(StringSplit{".", 1}, {words({"a.b.c", "d"})});
  EXPECT_EQ(out[0].strings(), (Words{"a", "b.c", "d", ""}));
  EXPECT_TENSOR(out[1], i64s({2, 1}));
  out = run_all(StringSplit{}, {words({"  a  b ", ""})});
  EXPECT_EQ(out[0].strings(), (Words{"a", "b", "", ""}));
  EXPECT_TENSOR(out[1], i64s({2, 0}));
  EXPECT_EQ(run_all(StringSplit{"", 1}, {words({"a b  c "})})[0].strings(), (Words{"a", "b  c"}));
}

TEST(Text, Normalizes) {
  const StringNormalize upper{CaseChange::upper, false, {"MonDay"}};
  EXPECT_EQ(run(upper, {words({"monday", "tuesday", "été"})}).strings(), (Words{"TUESDAY", "ÉTÉ"}));
  const StringNormalize exact{CaseChange::none, true, {"monday"}};
  EXPECT_EQ(run(exact, {words({"Monday", "monday"})}).strings(), Words{"Monday"});
  EXPECT_EQ(run(exact, {words({"monday"})}).strings(), Words{""});
}

bool matches(std::string_view pattern, std::string_view text) {
  const auto regex = Regex::parse(pattern);
  EXPECT_TRUE(regex.ok()) << pattern;
  return regex.ok() && regex->matches(text);
}
TEST(Text, Regex) {
  EXPECT_TRUE(matches("a*b+c?", "aabb"));
  EXPECT_FALSE(matches("a*b+c?", "aabbcc"));
  EXPECT_TRUE(matches("(ab|cd){2,3}", "abcdab"));
  EXPECT_FALSE(matches("(ab|cd){2,3}", "ab"));
  EXPECT_TRUE(matches("[^a-c\\d]+", "xyz-"));
  EXPECT_FALSE(matches("[^a-c\\d]+", "xy1"));
  EXPECT_TRUE(matches(".", "é"));
  EXPECT_TRUE(matches("\\w+@\\bx\\b\\.(com|org)$", "me@x.org"));
  EXPECT_TRUE(matches("", ""));
  EXPECT_FALSE(matches("a", ""));
  EXPECT_TRUE(matches("x{,3}", "x{,3}"));
  EXPECT_FALSE(matches("(a*)*b", std::string(5000, 'a')));  // no backtracking
}
TEST(Text, RegexErrorsSayWhere) {
  EXPECT_EQ(error_of(RegexMatch{"a("}, {words({"a"})}),
            "regex_match: the pattern is wrong at column 3: '(' without ')'");
  EXPECT_FALSE(Regex::parse("*").ok());
  EXPECT_FALSE(Regex::parse("[a").ok());
  EXPECT_FALSE(Regex::parse("a{2000}").ok());
  EXPECT_FALSE(Regex::parse("((((a{99}){99}){99}){99})").ok());  // too many states
}

TEST(Text, CountsTerms) {
  TermCounts op;
  op.max_length = 2;
  op.starts = {0, 2};
  op.columns = {1, 0, 2};
  op.integers = {5, 6, 5, 6};
  const Tensor x = i64s({5, 6, 7, 5, 9, 6});
  EXPECT_TENSOR(run(op, {x}), Tensor::of<float>({3}, {2, 2, 1}));
  op.max_skip = 1;
  EXPECT_TENSOR(run(op, {x}), Tensor::of<float>({3}, {2, 2, 2}));
  op.mode = TermWeight::tfidf;
  op.weights = {1, 0.5f, 10};
  EXPECT_TENSOR(run(op, {x}), Tensor::of<float>({3}, {2, 1, 20}));
}

TEST(Text, MapsLabels) {
  LabelMap op;
  op.string_keys = {"a", "b"};
  op.integers = {1, 2, -1};
  EXPECT_TENSOR(run(op, {words({"b", "c", "a"})}), i64s({2, -1, 1}));
}

TEST(Trees, WalkToLeaves) {
  TreeEnsemble op;  // x <= 2 ? 10 : (x in {5, 7} ? 20 : 30)
  op.roots = {0};
  op.feature = {0, 0}, op.yes = {0, 1}, op.no = {1, 2}, op.yes_leaf = {1, 1}, op.no_leaf = {0, 1};
  op.missing = {0, 0}, op.first_member = {0, 0, 2}, op.members = {5, 7}, op.split = {2, 0};
  op.test = {TreeTest::less_or_equal, TreeTest::member};
  op.leaf_target = {0, 0, 0}, op.leaf_weight = {10, 20, 30};
  EXPECT_TENSOR(run(op, {Tensor::of<float>({4, 1}, {2, 5, 6, NAN})}),
                Tensor::of<float>({4, 1}, {10, 20, 30, 30}));
  op.no = {0, 2};  // a circle
  EXPECT_EQ(error_of(op, {Tensor::of<float>({1, 1}, {3})}), "tree_ensemble: a tree goes in a circle");
}

}  // namespace
}  // namespace rekindle::ops
