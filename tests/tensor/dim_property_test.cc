// Random dim expressions against plain arithmetic: the canonical form must mean what was written.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <random>

#include "tensor/dim.h"

namespace rekindle {
namespace {

/// A tree that evaluates itself without any simplification.
struct Tree {
  char op = 'c';  // c constant, s symbol, or + - * / % m(in) M(ax) b(roadcast)
  int64_t constant = 0;
  std::string name;
  std::vector<Tree> args;

  Dim build() const {
    switch (op) {
      case 'c':
        return constant;
      case 's':
        return Dim::symbol(name);
      case '+':
        return args[0].build() + args[1].build();
      case '-':
        return args[0].build() - args[1].build();
      case '*':
        return args[0].build() * args[1].build();
      case '/':
        return floor_div(args[0].build(), args[1].build());
      case '%':
        return mod(args[0].build(), args[1].build());
      case 'm':
        return min(args[0].build(), args[1].build());
      case 'M':
        return max(args[0].build(), args[1].build());
      default:
        return broadcast(args[0].build(), args[1].build());
    }
  }
  /// nullopt where the value does not exist.
  std::optional<int64_t> value(const Bindings& bindings) const {
    if (op == 'c') return constant;
    if (op == 's') return bindings.at(name);
    const auto a = args[0].value(bindings), b = args[1].value(bindings);
    if (!a || !b) return std::nullopt;
    auto floored = [&] { return *a / *b - (*a % *b != 0 && (*a < 0) != (*b < 0) ? 1 : 0); };
    switch (op) {
      case '+':
        return *a + *b;
      case '-':
        return *a - *b;
      case '*':
        return *a * *b;
      case '/':
        return *b == 0 ? std::nullopt : std::optional(floored());
      case '%':
        return *b == 0 ? std::nullopt : std::optional(*a - floored() * *b);
      case 'm':
        return std::min(*a, *b);
      case 'M':
        return std::max(*a, *b);
      default:
        return *a == *b || *b == 1 ? a : *a == 1 ? b : std::nullopt;
    }
  }
};

Tree random_tree(std::mt19937& random, int depth) {
  auto pick = [&](int n) { return int(random() % unsigned(n)); };
  if (depth == 0 || pick(5) == 0) {
    if (pick(3) == 0) return {'c', pick(14) - 3, "", {}};
    return {'s', 0, std::string(1, char('A' + pick(4))), {}};
  }
  const char op = "++-**///%%mMb"[pick(13)];
  return {op, 0, "", {random_tree(random, depth - 1), random_tree(random, depth - 1)}};
}

TEST(DimProperty, RandomExpressionsKeepTheirValueTextAndRange) {
  std::mt19937 random(1234);
  int evaluated = 0;
  for (int round = 0; round < 6000; ++round) {
    const Tree tree = random_tree(random, 1 + round % 5);
    const Dim d = tree.build();
    if (d.is_unknown()) continue;
    const Result<Dim> back = parse_dim(d.to_string());
    ASSERT_TRUE(back.ok()) << back.status().to_string();
    ASSERT_EQ(*back, d) << d.to_string() << " reads back as " << back->to_string();
    for (int trial = 0; trial < 6; ++trial) {
      Bindings bindings;
      Profile exact;
      for (const char* name : {"A", "B", "C", "D"}) {
        bindings[name] = int64_t(random() % 9);
        exact[name] = {bindings[name], bindings[name], bindings[name]};
      }
      const auto expected = tree.value(bindings);
      if (!expected) continue;
      int64_t value = 0;
      ASSERT_TRUE(d.try_eval(bindings, value))
          << d.to_string() << ": " << d.eval(bindings).status().to_string();
      ASSERT_EQ(value, *expected) << d.to_string();
      ++evaluated;
      for (const Profile& profile :
           {exact, Profile{}, Profile{{"A", {0, 4, 8}}, {"B", {0, 1, 8}}, {"C", {0, 0, 8}}}}) {
        const Range range = d.range(profile);
        ASSERT_LE(range.min, value) << d.to_string();
        ASSERT_GE(range.max, value) << d.to_string();
      }
      for (int64_t n = 2; n < 6; ++n)
        ASSERT_TRUE(!d.divisible_by(n) || value % n == 0) << d.to_string() << " by " << n;
    }
  }
  EXPECT_GT(evaluated, 10000);
}

TEST(DimProperty, SubstitutionCommutesWithEvaluation) {
  std::mt19937 random(99);
  for (int round = 0; round < 2000; ++round) {
    const Tree tree = random_tree(random, 3), inner = random_tree(random, 2);
    const Bindings bindings{
        {"A", int64_t(random() % 9)}, {"B", int64_t(random() % 9)}, {"C", int64_t(random() % 9)}, {"D", 2}};
    const auto replacement = inner.value(bindings);
    if (!replacement || *replacement < 0) continue;  // symbols are sizes
    Bindings replaced = bindings;
    replaced["A"] = *replacement;
    const auto expected = tree.value(replaced);
    const Dim d = tree.build().substitute({{"A", inner.build()}});
    if (!expected || d.is_unknown()) continue;
    int64_t value = 0;
    ASSERT_TRUE(d.try_eval(bindings, value)) << d.to_string();
    ASSERT_EQ(value, *expected) << d.to_string();
  }
}

}  // namespace
}  // namespace rekindle
