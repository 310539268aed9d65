// Dim: canonical forms, evaluation, ranges, text, bytes, limits, threads.
// SPDX-License-Identifier: Apache-2.0
#include "tensor/dim.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <thread>

namespace rekindle {
namespace {

Dim dim(std::string_view text) {
  Result<Dim> parsed = parse_dim(text);
  EXPECT_TRUE(parsed.ok()) << parsed.status().to_string();
  return parsed.ok() ? *parsed : Dim(-1);
}
std::string canonical(std::string_view text) { return dim(text).to_string(); }
std::string error_of(std::string_view text) { return parse_dim(text).status().message(); }

const Dim N = Dim::symbol("N"), M = Dim::symbol("M");

TEST(Dim, EqualExpressionsAreEqual) {
  EXPECT_EQ((N + 1) * 2, N * 2 + 2);
  EXPECT_EQ(N * M, M * N);
  EXPECT_EQ(N - N, Dim(0));
  EXPECT_EQ((N + M) * (N - M), N * N - M * M);
  EXPECT_NE(N, M);
  EXPECT_EQ(N, Dim::symbol("N"));
  EXPECT_TRUE((N - N + 3).is(3));
}

TEST(Dim, PrintsCanonicalForms) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"2*N + 1", "2*N + 1"},
      {"1 + N*12", "12*N + 1"},
      {"N - M", "-M + N"},
      {"0 - N", "-N"},
      {"N*N*2 + N + M", "2*N*N + M + N"},
      // division
      {"floor(2*N/2)", "N"},
      {"floor((4*N + 7)/4)", "N + 1"},
      {"floor((4*N + 2)/8)", "floor(N/2)"},
      {"floor(floor(N/2)/3)", "floor(N/6)"},
      {"floor((floor((N + 1)/2) + 1)/2)", "floor((N + 3)/4)"},
      {"floor(N/(0-2))", "floor(-N/2)"},
      {"floor(5*N/4)", "N + floor(N/4)"},
      {"floor(mod(N, 4)/4)", "0"},
      {"floor(7/2)", "3"},
      {"floor(-7/2)", "-4"},
      {"ceil(N/2)", "floor((N + 1)/2)"},
      {"ceil(7/2)", "4"},
      {"floor(N*S*768/(N*S*12))", "64"},
      {"floor((N*N + 2*N + 1)/(N + 1))", "N + 1"},
      {"floor(12*N/(8*M))", "floor(3*N/(2*M))"},
      {"floor(N/0)", "floor(N/0)"},
      // remainder
      {"mod(6*N, 3)", "0"},
      {"mod(4*N + 3, 8)", "4*mod(N, 2) + 3"},
      {"mod(mod(N, 8), 4)", "mod(N, 4)"},
      {"mod(mod(N, 4), 8)", "mod(N, 4)"},
      {"mod(-7, 4)", "1"},
      {"mod(N*M, M)", "0"},
      // extremes
      {"max(N, N + 3)", "N + 3"},
      {"min(N, N - 2)", "N - 2"},
      {"max(N, 0)", "N"},
      {"max(N, M + N)", "M + N"},
      {"max(N, max(M, 4), M)", "max(4, M, N)"},
      {"min(N, 9223372036854775807)", "N"},
      {"max(3, 7, 5)", "7"},
      // broadcast
      {"broadcast(N, 1)", "N"},
      {"broadcast(1, N)", "N"},
      {"broadcast(N, N)", "N"},
      {"broadcast(3, N)", "3"},
      {"broadcast(N, broadcast(M, N))", "broadcast(M, N)"},
      {"broadcast(3, 4)", "broadcast(3, 4)"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(canonical(text), expected) << text;
    EXPECT_EQ(canonical(expected), expected) << "of " << text;
  }
}

TEST(Dim, OverflowStaysVisible) {
  EXPECT_TRUE((Dim(INT64_MAX) + 1).is(INT64_MAX));
  EXPECT_TRUE((Dim(INT64_MAX) - 1).is(INT64_MAX));
  EXPECT_TRUE((Dim(int64_t(1) << 40) * Dim(int64_t(1) << 40)).is(INT64_MAX));
  EXPECT_TRUE((Dim(-(int64_t(1) << 40)) * Dim(int64_t(1) << 40)).is(INT64_MIN));
  EXPECT_TRUE((N * Dim(int64_t(1) << 62) * 4).is(INT64_MAX));
  EXPECT_TRUE(floor_div(Dim(INT64_MAX), 2).is(INT64_MAX));
  EXPECT_TRUE(mod(Dim(INT64_MAX), 8).is(INT64_MAX));
  EXPECT_TRUE((N + Dim(INT64_MAX)).is(INT64_MAX));
  EXPECT_TRUE((Dim(INT64_MAX) * 0).is(0));
  EXPECT_TRUE(floor_div(Dim(INT64_MIN), -1).is(INT64_MAX));
}

TEST(Dim, EvaluatesOrSaysWhyNot) {
  const Bindings bindings{{"N", 6}, {"M", 0}, {"K", -1}};
  EXPECT_EQ(*(N * 2 + 1).eval(bindings), 13);
  EXPECT_EQ(*Dim(7).eval({}), 7);
  EXPECT_EQ((N + Dim::symbol("Q")).eval(bindings).status().message(), "symbol Q in N + Q has no value");
  EXPECT_EQ(Dim::symbol("K").eval(bindings).status().message(),
            "symbol K is -1, expected a size of at least 0");
  EXPECT_EQ((floor_div(N, M) + 1).eval(bindings).status().message(),
            "floor(N/M) in floor(N/M) + 1 divides by 0");
  EXPECT_EQ(mod(N, M).eval(bindings).status().message(), "mod(N, M) divides by 0");
  EXPECT_EQ(broadcast(N, Dim::symbol("P")).eval({{"N", 6}, {"P", 4}}).status().message(),
            "broadcast(N, P) joins sizes 6 and 4, expected equal sizes or 1");
  EXPECT_EQ(*broadcast(N, Dim::symbol("P")).eval({{"N", 1}, {"P", 4}}), 4);
  EXPECT_EQ(*broadcast(N, Dim::symbol("P")).eval({{"N", 1}, {"P", 0}}), 0);
  EXPECT_EQ((N * N).eval({{"N", INT64_MAX / 2}}).status().message(), "the value of N*N overflows 64 bits");
  EXPECT_EQ(Dim::unknown().eval({}).status().code(), Code::invalid_argument);
  int64_t value = 0;
  EXPECT_FALSE(floor_div(N, M).try_eval(bindings, value));
  EXPECT_TRUE(floor_div(N, Dim(4)).try_eval(bindings, value));
  EXPECT_EQ(value, 1);
}

TEST(Dim, UnknownsAreDistinctAndSpread) {
  const Dim a = Dim::unknown(), b = Dim::unknown();
  EXPECT_NE(a, b);
  EXPECT_EQ(a, Dim(a));
  EXPECT_TRUE(a.is_unknown());
  EXPECT_TRUE((a * 2 + N).is_unknown());
  EXPECT_TRUE(max(a, N).is_unknown());
  EXPECT_FALSE((a - a + N).is_unknown());
  EXPECT_FALSE(N.is_unknown() || Dim(3).is_unknown());
  EXPECT_FALSE(parse_dim(a.to_string()).ok());
}

TEST(Dim, SymbolsAreCollectedAndReplaced) {
  std::set<std::string, std::less<>> symbols;
  dim("max(A*B, floor((C + 1)/D)) + broadcast(E, A)").collect_symbols(symbols);
  EXPECT_EQ(symbols, (std::set<std::string, std::less<>>{"A", "B", "C", "D", "E"}));
  EXPECT_EQ(dim("floor((N + 1)/2)*M").substitute({{"N", Dim(5)}}), M * 3);
  EXPECT_EQ(dim("max(N, M)").substitute({{"N", M + 1}}), M + 1);
  EXPECT_EQ(dim("N + M").substitute({{"N", M}, {"M", N}}), N + M) << "all at once, not one after the other";
  EXPECT_EQ(N.as_symbol(), "N");
  EXPECT_FALSE((N + 1).as_symbol());
  EXPECT_FALSE(Dim(1).as_symbol());
}

TEST(Dim, RangesHoldWhatTheProfileSays) {
  const Profile profile{{"N", {1, 8, 32}}, {"M", {0, 3, 10}}};
  auto range = [&](std::string_view text) { return dim(text).range(profile); };
  EXPECT_EQ(range("N"), (Range{1, 8, 32}));
  EXPECT_EQ(range("2*N + 1"), (Range{3, 17, 65}));
  EXPECT_EQ(range("N - M"), (Range{-9, 5, 32}));
  EXPECT_EQ(range("N*M"), (Range{0, 24, 320}));
  EXPECT_EQ(range("floor(N/4)"), (Range{0, 2, 8}));
  EXPECT_EQ(range("mod(N, 5)"), (Range{0, 3, 4}));
  EXPECT_EQ(range("max(N, 4)"), (Range{4, 8, 32}));
  EXPECT_EQ(range("min(N, 4)"), (Range{1, 4, 4}));
  EXPECT_EQ(range("7"), (Range{7, 7, 7}));
  EXPECT_EQ(range("Q"), (Range{0, 0, INT64_MAX}));
  EXPECT_EQ(range("Q*Q*1000000 + 5"), (Range{5, 5, INT64_MAX}));
  EXPECT_EQ(range("broadcast(N, M)"), (Range{0, 0, 32})) << "8 against 3 has no value, so opt falls to min";
}

TEST(Dim, KnowsDivisors) {
  EXPECT_TRUE((N * 8).divisible_by(4));
  EXPECT_FALSE((N * 8 + 2).divisible_by(4));
  EXPECT_TRUE((N * 8 + M * 12).divisible_by(4));
  EXPECT_TRUE((N * N * 4).divisible_by(4));
  EXPECT_TRUE((max(N * 8, M * 4)).divisible_by(4));
  EXPECT_TRUE(Dim(0).divisible_by(7));
  EXPECT_TRUE(Dim(12).divisible_by(-4));
  EXPECT_FALSE(Dim(12).divisible_by(0));
  EXPECT_TRUE(N.divisible_by(1));
  EXPECT_TRUE(broadcast(N * 8, M).divisible_by(8));
}

TEST(Dim, OrderIsTotalAndIndependentOfAddresses) {
  std::vector<Dim> dims{dim("Z"), Dim(5), dim("A + 1"), Dim(-2), dim("A"), dim("max(A, 3)")};
  std::sort(dims.begin(), dims.end());
  std::string text;
  for (const Dim& d : dims) text += d.to_string() + "; ";
  EXPECT_EQ(text, "-2; 5; A; A + 1; Z; max(3, A); ");
}

TEST(Dim, ParseErrorsNameTheColumn) {
  EXPECT_EQ(error_of("N +"), "dim \"N +\" column 4 has the end, expected a number, a symbol or '('");
  EXPECT_EQ(error_of(""), "dim \"\" column 1 has the end, expected a number, a symbol or '('");
  EXPECT_EQ(error_of("N M"), "dim \"N M\" column 3 has 'M', expected an operator or the end");
  EXPECT_EQ(error_of("foo(N)"),
            "dim \"foo(N)\" column 5 has the function foo, expected floor, ceil, mod, min, max or broadcast");
  EXPECT_EQ(error_of("floor(N + 1/2)"), "dim \"floor(N + 1/2)\" column 9 has '+', expected '/'");
  EXPECT_EQ(error_of("99999999999999999999"),
            "dim \"99999999999999999999\" column 1 has a number outside 64 bits");
  for (const char* text : {"(", "N*", "max(N)", "max(N,)", "floor(N)", "floor(N/)", "mod(N, 2, 3)", "N)",
                           "?1", "2 3", "N..)", "-", "%"})
    EXPECT_FALSE(parse_dim(text).ok()) << text;
}

TEST(Dim, HostileTextIsRefusedQuickly) {
  EXPECT_FALSE(parse_dim(std::string(100000, '(')).ok());
  EXPECT_FALSE(parse_dim(std::string(4000, '(')).ok());
  EXPECT_FALSE(parse_dim(std::string(4000, '-') + "N").ok());
  std::string sum = "A0", product = "N", maximum = "max(A0", powers = "(A + B + C + D)", nested = "N";
  for (int i = 1; i < 400; ++i) {
    sum += " + A" + std::to_string(i);
    maximum += ", A" + std::to_string(i);
    product += "*N";
  }
  for (int i = 1; i < 60; ++i) powers += "*(A + B + C + D)";
  for (const std::string& text : {sum, maximum + ")", product, powers}) EXPECT_FALSE(parse_dim(text).ok());
  for (int i = 0; i < 50; ++i) nested = fmt::format("max(min({}, M{}), K{})", nested, i, i);
  EXPECT_FALSE(parse_dim(nested).ok());
}

TEST(Dim, ArithmeticPastTheLimitsIsUnknownNotWrong) {
  Dim product = 1;
  for (int i = 0; i < 12; ++i) product = product * (Dim::symbol("A" + std::to_string(i)) + 1);
  EXPECT_TRUE(product.is_unknown());
  Dim nested = N;
  for (int i = 0; i < 100; ++i)
    nested = max(min(nested, Dim::symbol("B" + std::to_string(i))), Dim::symbol("C" + std::to_string(i)));
  EXPECT_TRUE(nested.is_unknown());
}

TEST(Dim, SanitizesNames) {
  EXPECT_EQ(sanitize_symbol("batch size"), "batch_size");
  EXPECT_EQ(sanitize_symbol("1x"), "_1x");
  EXPECT_EQ(sanitize_symbol(""), "_");
  EXPECT_EQ(sanitize_symbol("a.b-c\n\"<"), "a.b_c___");
  const std::string x = sanitize_symbol(std::string(1 << 20, 'x')),
                    y = sanitize_symbol(std::string((1 << 20) + 1, 'x'));
  EXPECT_NE(x, y) << "cut names stay apart";
  EXPECT_LE(x.size(), 256U);
  EXPECT_EQ(sanitize_symbol(x), x);
  EXPECT_EQ(dim(Dim::symbol("weird name!").to_string()), Dim::symbol("weird name!"));
}

TEST(Dim, BytesRoundTripAndSurviveDamage) {
  for (const Dim& d : {Dim(0), Dim(-5), Dim(INT64_MAX), N, dim("max(floor((N + 1)/2), 3*M - 1)")}) {
    const std::string bytes = to_bytes(d);
    const Result<Dim> back = from_bytes<Dim>(bytes);
    ASSERT_TRUE(back.ok()) << back.status().to_string();
    EXPECT_EQ(*back, d);
    for (size_t cut = 0; cut < bytes.size(); ++cut) EXPECT_FALSE(from_bytes<Dim>(bytes.substr(0, cut)).ok());
    for (size_t at = 0; at < bytes.size(); ++at)
      for (int bit = 0; bit < 8; ++bit) {
        std::string flipped = bytes;
        flipped[at] = char(flipped[at] ^ (1 << bit));
        (void)from_bytes<Dim>(flipped);  // must not crash; another valid dim is fine
      }
  }
  Encoder e;
  encode(e, true);
  encode(e, std::string("N + "));
  EXPECT_EQ(from_bytes<Dim>(std::move(e).take()).status().code(), Code::data_loss);
  EXPECT_FALSE(from_bytes<Dim>(to_bytes(Dim::unknown())).ok());
}

TEST(Dim, InternsTheSameNodesFromManyThreads) {
  constexpr int kThreads = 8, kExpressions = 200;
  std::vector<std::vector<Dim>> made(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&made, t] {
      for (int i = 0; i < kExpressions; ++i) {
        const Dim a = Dim::symbol("T" + std::to_string(i)), b = Dim::symbol("U" + std::to_string(i % 7));
        made[size_t(t)].push_back(max(floor_div(a * 3 + b, Dim(i % 5 + 2)), b + i));
      }
    });
  for (auto& thread : threads) thread.join();
  for (int t = 1; t < kThreads; ++t) EXPECT_EQ(made[0], made[size_t(t)]);
}

}  // namespace
}  // namespace rekindle
