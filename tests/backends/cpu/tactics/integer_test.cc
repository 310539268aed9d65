// cpu.integer against the references of elementwise ops.
// SPDX-License-Identifier: Apache-2.0
#include "math/elementwise_reference.h"
#include "tactic_test.h"

namespace rekindle::cpu {
namespace {

constexpr DType kIntegers[] = {DType::i8,  DType::u8,  DType::i16, DType::u16,
                               DType::i32, DType::u32, DType::i64};

/// Random bits: overflow, signs and zeros all occur; booleans are 0 or 1.
Tensor bits(DType dtype, Dims dims, uint32_t seed, bool small = false) {
  Tensor t(dtype, std::move(dims));
  std::mt19937 random(seed);
  if (dtype == DType::boolean || small) {
    for (int64_t i = 0; i < t.count(); ++i)
      t.set_double(i, double(dtype == DType::boolean ? random() % 2 : random() % 7));
  } else {
    auto* bytes = static_cast<uint8_t*>(t.raw());
    for (int64_t i = 0; i < t.bytes(); ++i) bytes[i] = uint8_t(random());
  }
  return t;
}

/// Elementwise ops have no evaluate of their own; results are compared bit by bit.
template <class T> void expect_exact(const T& op, const Tensors& inputs) {
  const auto expected = evaluate_elementwise(traits_of<T>(), row_functions<T>(), &op, inputs);
  ASSERT_TRUE(expected.ok()) << expected.status().message();
  for (const Isa isa : isa_levels())
    for (const int threads : {1, 3}) {
      const auto got = run_op("cpu.integer", op, inputs, isa, threads);
      ASSERT_TRUE(got.ok()) << got.status().message();
      const Tensor &y = (*got)[0], &e = (*expected)[0];
      ASSERT_EQ(y.type().to_string(), e.type().to_string());
      if (e.bytes() == 0) continue;
      EXPECT_EQ(std::memcmp(y.raw(), e.raw(), size_t(e.bytes())), 0)
          << T::name << " of " << inputs[0].type().to_string() << " at " << enum_name(isa);
    }
}

const std::vector<std::pair<Dims, Dims>>& shape_pairs() {
  static const std::vector<std::pair<Dims, Dims>> list = {
      {{}, {}},
      {{0}, {0}},
      {{0, 3}, {3}},
      {{1}, {7}},
      {{5003}, {5003}},
      {{5003}, {}},
      {{31, 257}, {257}},
      {{31, 257}, {31, 1}},
      {{2, 3, 5}, {3, 1}},
      {{700, 3}, {700, 1}},
      {{7, 1, 5}, {6, 1}},
      {{3, 2100}, {1, 2100}},
  };
  return list;
}
template <class T> void sweep(const T& op, std::span<const DType> types, bool small = false) {
  uint32_t seed = 1;
  for (const DType t : types)
    for (const auto& [a, b] : shape_pairs()) {
      if constexpr (arity_of<T>() == 1) {
        expect_exact(op, {bits(t, a, ++seed, small)});
      } else {
        expect_exact(op, {bits(t, a, ++seed, small), bits(t, b, seed + 100, small)});
        expect_exact(op, {bits(t, b, ++seed, small), bits(t, a, seed + 100, small)});
      }
    }
}

TEST(IntegerTactic, Computes) {
  sweep(ops::Add{}, kIntegers);
  sweep(ops::Sub{}, kIntegers);
  sweep(ops::Mul{}, kIntegers);
  sweep(ops::Min{}, kIntegers);
  sweep(ops::Max{}, kIntegers);
  sweep(ops::Abs{}, kIntegers);
  sweep(ops::Neg{}, kIntegers);
  sweep(ops::Sign{}, kIntegers);
  sweep(ops::Square{}, kIntegers);
  sweep(ops::Relu{}, kIntegers);
}
TEST(IntegerTactic, DividesByAnything) {
  for (const bool small : {false, true}) {
    sweep(ops::Div{}, kIntegers, small);
    sweep(ops::Mod{}, kIntegers, small);
    sweep(ops::Mod{true}, kIntegers, small);
  }
  sweep(ops::Pow{}, kIntegers, true);
}
TEST(IntegerTactic, WorksOnBits) {
  sweep(ops::BitAnd{}, kIntegers);
  sweep(ops::BitOr{}, kIntegers);
  sweep(ops::BitXor{}, kIntegers);
  sweep(ops::BitNot{}, kIntegers);
  sweep(ops::BitShift{true}, kIntegers, true);
  sweep(ops::BitShift{false}, kIntegers, true);
}
TEST(IntegerTactic, Compares) {
  for (const bool small : {false, true}) {
    sweep(ops::Equal{}, kIntegers, small);
    sweep(ops::Less{}, kIntegers, small);
    sweep(ops::LessOrEqual{}, kIntegers, small);
    sweep(ops::Greater{}, kIntegers, small);
    sweep(ops::GreaterOrEqual{}, kIntegers, small);
  }
}
TEST(IntegerTactic, KnowsLogic) {
  const DType boolean[] = {DType::boolean};
  sweep(ops::And{}, boolean);
  sweep(ops::Or{}, boolean);
  sweep(ops::Xor{}, boolean);
  sweep(ops::Not{}, boolean);
  sweep(ops::Equal{}, boolean);
}
TEST(IntegerTactic, Chooses) {
  for (const DType t : {DType::boolean, DType::u8, DType::i32, DType::i64})
    for (const auto& [a, b] : shape_pairs()) {
      expect_exact(ops::Where{}, {bits(DType::boolean, a, 1), bits(t, b, 2), bits(t, a, 3)});
      expect_exact(ops::Where{}, {bits(DType::boolean, b, 1), bits(t, a, 2), bits(t, {}, 3)});
    }
}

TEST(IntegerTactic, RefusesWithReasons) {
  const auto floats = run_op("cpu.integer", ops::Abs{}, {random_tensor({2}, 1)}, Isa::baseline, 1);
  ASSERT_FALSE(floats.ok());
  EXPECT_EQ(floats.status().message(), "the type is f32, needs booleans or integers of 8 to 64 bits but u64");
}

TEST(IntegerKernel, RejectsWhatDoesNotFit) {
  EXPECT_EQ(launch("cpu.integer", "", Isa::baseline, {}, {}).ok(), false);
}

}  // namespace
}  // namespace rekindle::cpu
