// DimProgram: the same values and the same refusals as Dim::eval, and no duplicates.
// SPDX-License-Identifier: Apache-2.0
#include "tensor/dim_program.h"

#include <gtest/gtest.h>

#include <random>

namespace rekindle {
namespace {

/// A random expression over N, M, K with every operator.
Dim random_dim(std::mt19937& random, int depth) {
  const auto pick = [&](int n) { return int(random() % unsigned(n)); };
  if (depth == 0 || pick(5) == 0) {
    const char* names[] = {"N", "M", "K"};
    return pick(3) == 0 ? Dim(pick(9) - 2) : Dim::symbol(names[pick(3)]);
  }
  const Dim a = random_dim(random, depth - 1), b = random_dim(random, depth - 1);
  switch (pick(8)) {
    case 0:
      return a + b;
    case 1:
      return a - b;
    case 2:
      return a * b;
    case 3:
      return floor_div(a, b);
    case 4:
      return mod(a, b);
    case 5:
      return min(a, b);
    case 6:
      return max(a, b);
    default:
      return broadcast(a, b);
  }
}

TEST(DimProgram, AgreesWithEvalOnRandomExpressions) {
  std::mt19937 random(1);
  int with_value = 0, without = 0;
  for (int round = 0; round < 300; ++round) {
    DimProgram program;
    std::vector<Dim> dims;
    std::vector<uint32_t> numbers;
    for (int i = 0; i < 5; ++i)
      dims.push_back(random_dim(random, 4)), numbers.push_back(program.add(dims.back()));
    std::vector<int64_t> values = program.initial_values(), symbols(program.symbols().size());
    Bindings bindings;
    for (size_t s = 0; s < symbols.size(); ++s)
      symbols[s] = bindings[program.symbols()[s]] =
          int64_t(random() % 6) + (random() % 20 == 0 ? INT64_MAX / 4 : 0);
    for (size_t i = 0; i < dims.size(); ++i) {
      const auto failed = program.evaluate(std::span(numbers).subspan(i, 1), symbols, values);
      const Result<int64_t> expected = dims[i].eval(bindings);
      ASSERT_EQ(!failed.has_value(), expected.ok()) << dims[i].to_string();
      if (expected.ok()) {
        EXPECT_EQ(values[numbers[i]], *expected) << dims[i].to_string();
        ++with_value;
      } else {
        EXPECT_EQ(program.explain(numbers[i], symbols).to_string(), expected.status().to_string());
        ++without;
      }
    }
  }
  EXPECT_GT(with_value, 500);
  EXPECT_GT(without, 50);
}

TEST(DimProgram, EqualDimsShareANumber) {
  DimProgram program;
  const Dim n = Dim::symbol("N");
  EXPECT_EQ(program.add((n + 1) * 2), program.add(2 * n + 2));
  EXPECT_EQ(program.add(7), program.add(7));
  EXPECT_NE(program.add(7), program.add(n));
  EXPECT_EQ(program.size(), 3U);
  EXPECT_EQ(program.initial_values(), (std::vector<int64_t>{0, 7, 0}));
}

TEST(DimProgram, TellsWhichSymbolsADimReads) {
  DimProgram program;
  const uint32_t sum = program.add(Dim::symbol("B") + Dim::symbol("A")), constant = program.add(3);
  ASSERT_EQ(program.slots_of(sum).size(), 2U);
  EXPECT_TRUE(program.slots_of(constant).empty());
  EXPECT_EQ(program.find_slot("A").has_value(), true);
  EXPECT_EQ(program.find_slot("C"), std::nullopt);
}

TEST(DimProgram, AnUnknownHasNoValue) {
  DimProgram program;
  const uint32_t numbers[] = {program.add(Dim::unknown() + 1)};
  std::vector<int64_t> values = program.initial_values();
  EXPECT_EQ(program.evaluate(numbers, {}, values), numbers[0]);
  EXPECT_FALSE(program.explain(numbers[0], {}).ok());
}

TEST(DimProgram, DeepExpressionsEvaluate) {
  Dim deep = Dim::symbol("N");
  for (int i = 0; i < 28; ++i) deep = floor_div(deep + 3, Dim::symbol("D")) * Dim::symbol("N") + 1;
  DimProgram program;
  const uint32_t numbers[] = {program.add(deep)};
  std::vector<int64_t> values = program.initial_values(), symbols(program.symbols().size(), 2);
  Bindings bindings{{"N", 2}, {"D", 2}};
  const Result<int64_t> expected = deep.eval(bindings);
  EXPECT_EQ(program.evaluate(numbers, symbols, values).has_value(), !expected.ok());
  if (expected.ok()) {
    EXPECT_EQ(values[numbers[0]], *expected);
  }
}

}  // namespace
}  // namespace rekindle
