// Elementwise programs: every kind of operand, joined pairs, casts, in-place outputs, and what is refused.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/program.h"

#include <atomic>
#include <cmath>
#include <thread>

#include "backends/cpu/kernel_test.h"
#include "backends/cpu/kernels/pointwise.h"
#include "math/all.h"
#include "math/cast.h"
#include "math/elementwise_reference.h"

namespace rekindle::cpu {
namespace {

template <class T> Instruction instruction(const T& op, std::vector<uint32_t> args) {
  std::string params;
  if constexpr (HasFields<T>) params = to_bytes(op);
  return {T::name, params, std::move(args)};
}

class Programs : public ::testing::TestWithParam<Isa> {};
INSTANTIATE_TEST_SUITE_P(Isa, Programs, ::testing::ValuesIn(isa_levels()),
                         [](const auto& info) { return std::string(enum_name(info.param)); });

/// relu(x + y) * c - z: a joined pair, a scalar, an order of arguments that matters.
Program mixed() {
  return {4,
          {instruction(ops::Add{}, {0, 1}), instruction(ops::Relu{}, {4}), instruction(ops::Mul{}, {5, 2}),
           instruction(ops::Sub{}, {6, 3})},
          {7}};
}

TEST_P(Programs, EveryLengthAndKindOfOperand) {
  using enum Operand::Step;
  for (const auto x_step : {contiguous, scalar, strided}) {
    for (const auto y_step : {contiguous, scalar, strided}) {
      for (const int64_t n : {0, 1, 2, 3, 15, 16, 17, 31, 64, 511, 1023, 1024, 1025, 2500}) {
        const std::vector<Operand> in = {
            {DType::f32, x_step}, {DType::f32, y_step}, {DType::f32, scalar}, {DType::f32, contiguous}};
        const std::vector<Operand> out = {{DType::f32, contiguous}};
        auto program = BoundProgram::bind(mixed(), in, out, GetParam());
        ASSERT_TRUE(program.ok()) << program.status().to_string();
        const auto x = random_floats(3 * n + 1, 1), y = random_floats(2 * n + 1, 2),
                   z = random_floats(n + 1, 3);
        const float c = 1.5f;
        std::vector<float> result(size_t(n) + 1, 9.0f), scratch(size_t(program->scratch_floats()));
        const ConstRow rows[] = {{x.data(), x_step == strided ? 3 : 1},
                                 {y.data(), y_step == strided ? 2 : 1},
                                 {&c, 0},
                                 {z.data(), 1}};
        const Row to[] = {{result.data(), 1}};
        program->run(rows, to, n, scratch.data());
        for (int64_t i = 0; i < n; ++i) {
          const float xi = x[size_t(x_step == scalar ? 0 : x_step == strided ? 3 * i : i)];
          const float yi = y[size_t(y_step == scalar ? 0 : y_step == strided ? 2 * i : i)];
          EXPECT_NEAR(result[size_t(i)], std::max(xi + yi, 0.0f) * c - z[size_t(i)], 1e-6)
              << n << " at " << i;
        }
        EXPECT_EQ(result[size_t(n)], 9.0f);
      }
    }
  }
}

TEST_P(Programs, OutputOverAnInputThatIsReadLater) {
  // y0 = x + 1 may lie over x although y1 = x * y0 reads x afterwards.
  const Program program{2, {instruction(ops::Add{}, {0, 1}), instruction(ops::Mul{}, {0, 2})}, {2, 3}};
  const std::vector<Operand> in = {{DType::f32, Operand::Step::contiguous},
                                   {DType::f32, Operand::Step::scalar}};
  const std::vector<Operand> out(2, Operand{});
  auto bound = BoundProgram::bind(program, in, out, GetParam());
  ASSERT_TRUE(bound.ok()) << bound.status().to_string();
  std::vector<float> x = random_floats(100, 5), before = x, y(100), scratch(size_t(bound->scratch_floats()));
  const float one = 1;
  const ConstRow rows[] = {{x.data(), 1}, {&one, 0}};
  const Row to[] = {{x.data(), 1}, {y.data(), 1}};
  bound->run(rows, to, 100, scratch.data());
  for (size_t i = 0; i < 100; ++i) {
    EXPECT_FLOAT_EQ(x[i], before[i] + 1);
    EXPECT_FLOAT_EQ(y[i], before[i] * (before[i] + 1));
  }
}

/// A kernel binds once for each kinds of operands, however many threads prepare it, and never for wrong ones.
TEST_P(Programs, AKernelKeepsWhatItBound) {
  const KernelProgram program({2, {instruction(ops::Add{}, {0, 1})}, {2}});
  const std::vector<Operand> out(1, Operand{});
  const auto kinds = [](Operand::Step step, DType dtype) { return std::vector<Operand>{{}, {dtype, step}}; };
  const auto first = program.bind(kinds(Operand::Step::contiguous, DType::f32), out, GetParam());
  ASSERT_TRUE(first.ok()) << first.status().to_string();
  EXPECT_FALSE(program.bind(out, out, GetParam()).ok()) << "one operand for two inputs";
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      // More kinds than are kept: those beyond are bound each time.
      for (const auto step : {Operand::Step::contiguous, Operand::Step::scalar, Operand::Step::strided})
        for (const DType dtype : {DType::f32, DType::f16, DType::bf16, DType::f64, DType::i32, DType::i64,
                                  DType::u8, DType::i8, DType::boolean}) {
          const std::vector<Operand> in = kinds(step, dtype);
          const auto bound = program.bind(in, out, GetParam());
          if (!bound.ok()) {
            ++wrong;
            continue;
          }
          const bool is_first = step == Operand::Step::contiguous && dtype == DType::f32;
          wrong += (bound->get() == first->get()) != is_first;
        }
    });
  for (auto& t : threads) t.join();
  EXPECT_EQ(wrong, 0);
  float x = 2, sum = 0;
  const int64_t whole = 40;
  const auto mixed_bound = program.bind(kinds(Operand::Step::scalar, DType::i64), out, GetParam());
  ASSERT_TRUE(mixed_bound.ok());
  std::vector<float> scratch(size_t((*mixed_bound)->scratch_floats()));
  const ConstRow rows[] = {{&x, 1}, {&whole, 0}};
  const Row to[] = {{&sum, 1}};
  (*mixed_bound)->run(rows, to, 1, scratch.data());
  EXPECT_EQ(sum, 42);
}

TEST_P(Programs, RefusesWhatIsWrong) {
  const std::vector<Operand> one = {{}};
  const auto message = [&](const Program& p, std::vector<Operand> in, std::vector<Operand> out) {
    return BoundProgram::bind(p, in, out, GetParam()).status().message();
  };
  EXPECT_EQ(message({1, {{"no_such_op", "", {0}}}, {1}}, one, one),
            "elementwise program: 'no_such_op' is not an elementwise op");
  EXPECT_EQ(message({1, {{"relu", "", {1}}}, {1}}, one, one),
            "elementwise program: relu reads register 1 before it is made");
  EXPECT_EQ(message({1, {{"add", "", {0}}}, {1}}, one, one),
            "elementwise program: add takes 2 arguments, got 1");
  EXPECT_EQ(message({1, {}, {1}}, one, one),
            "elementwise program: an output is register 1, which does not exist");
  EXPECT_NE(message({1, {{"clip", "x", {0}}}, {1}}, one, one), "");
  EXPECT_EQ(message({1, {{"bit_not", "", {0}}}, {1}}, one, one),
            "elementwise program: bit_not works on integers, expected an op that floats have");
  EXPECT_EQ(message({1, {}, {0}}, {{DType::string, Operand::Step::contiguous}}, one),
            "elementwise program: an input is string, expected a number or boolean");
  EXPECT_NE(message({2, {}, {0}}, one, one), "");
}

// ---- cpu.pointwise

Tensor expected_mixed(const Tensor& x, const Tensor& y, const Tensor& c, const Tensor& z) {
  auto evaluate = [](auto op, const Tensor& a, const Tensor& b) {
    const Tensor in[] = {a, b};
    return (*evaluate_elementwise(traits_of<decltype(op)>(), row_functions<decltype(op)>(), &op, in))[0];
  };
  Tensor sum = evaluate(ops::Add{}, x, y);
  for (int64_t i = 0; i < sum.count(); ++i) sum.set_double(i, std::max(0.0, sum.as_double(i)));
  return evaluate(ops::Sub{}, evaluate(ops::Mul{}, sum, c), z);
}

TEST_P(Programs, PointwiseBroadcasts) {
  const std::string params = to_bytes(PointwiseParams{mixed()});
  struct Case {
    Dims out, x, y, c, z;
  };
  const std::vector<Case> cases = {
      {{}, {}, {}, {}, {}},
      {{5}, {5}, {1}, {}, {5}},
      {{0, 3}, {0, 3}, {3}, {1}, {0, 3}},
      {{2, 3, 50, 50}, {2, 3, 50, 50}, {1, 3, 1, 1}, {1}, {2, 3, 50, 50}},    // NCHW bias
      {{2, 25, 7, 33}, {2, 25, 7, 33}, {33}, {2, 1, 1, 33}, {2, 25, 7, 33}},  // NHWC bias and gate
      {{300, 3}, {300, 3}, {3}, {300, 1}, {1, 3}},
      {{7, 1, 11, 1}, {7, 1, 11, 1}, {1, 1, 11, 1}, {}, {7, 1, 1, 1}},
      {{4, 40000}, {4, 40000}, {4, 1}, {40000}, {1}},
      {{17, 129}, {1, 129}, {17, 1}, {17, 129}, {17, 1}},
  };
  for (const Case& c : cases) {
    const Tensor x = random_tensor(c.x, 1), y = random_tensor(c.y, 2), s = random_tensor(c.c, 3),
                 z = random_tensor(c.z, 4);
    for (const int threads : {1, 2, 3}) {
      Tensor out(DType::f32, c.out);
      const Status status = launch("cpu.pointwise", params, GetParam(), {x, y, s, z}, {out}, threads);
      ASSERT_TRUE(status.ok()) << status.to_string();
      EXPECT_TRUE(near(out, expected_mixed(x, y, s, z), 1e-6, 1e-6)) << to_string(c.out);
    }
  }
}

TEST_P(Programs, PointwiseOnViews) {
  // x is columns 1, 3, 5 … of a wider matrix; the output is part of a concatenation; and a transposed
  // operand.
  const Program add{2, {instruction(ops::Add{}, {0, 1})}, {2}};
  const Tensor wide = random_tensor({20, 41}, 1), turned = random_tensor({20, 20}, 2);
  Tensor out(DType::f32, {20, 50});
  const Status status =
      launch("cpu.pointwise", to_bytes(PointwiseParams{add}), GetParam(),
             {TestArg(wide).view({20, 20}, {41, 2}, 1), TestArg(turned).view({20, 20}, {1, 20})},
             {TestArg(out).view({20, 20}, {50, 1}, 7)});
  ASSERT_TRUE(status.ok()) << status.to_string();
  for (int64_t i = 0; i < 20; ++i)
    for (int64_t j = 0; j < 50; ++j) {
      const double expected =
          j < 7 || j >= 27 ? 0
                           : wide.as_double(i * 41 + 2 * (j - 7) + 1) + turned.as_double((j - 7) * 20 + i);
      EXPECT_NEAR(out.as_double(i * 50 + j), expected, 1e-6) << i << " " << j;
    }
}

TEST_P(Programs, PointwiseConvertsTypes) {
  // where(x > y, x, y) as i32, and the comparison as boolean, for every type that a program reads.
  const Program program{2,
                        {instruction(ops::Greater{}, {0, 1}), instruction(ops::Where{}, {2, 0, 1}),
                         instruction(ops::Cast{DType::i32}, {3})},
                        {4, 2}};
  for (const DType t : {DType::f32, DType::f64, DType::f16, DType::bf16, DType::boolean, DType::i8,
                        DType::i16, DType::i32, DType::i64, DType::u8, DType::u16, DType::u32, DType::u64}) {
    for (const Dims& dims : {Dims{61}, Dims{40, 9}, Dims{3, 500}}) {
      Tensor x(t, dims), y(t, {dims.back()});
      for (int64_t i = 0; i < x.count(); ++i) x.set_double(i, t == DType::boolean ? i % 2 : (i * 37) % 101);
      for (int64_t i = 0; i < y.count(); ++i)
        y.set_double(i, t == DType::boolean ? i % 3 == 0 : (i * 53) % 103);
      Tensor larger(DType::i32, dims), greater(DType::boolean, dims);
      const Status status =
          launch("cpu.pointwise", to_bytes(PointwiseParams{program}), GetParam(), {x, y}, {larger, greater});
      ASSERT_TRUE(status.ok()) << status.to_string();
      for (int64_t i = 0; i < x.count(); ++i) {
        const double a = x.as_double(i), b = y.as_double(i % y.count());
        EXPECT_EQ(larger.as_double(i), std::max(a, b)) << to_string(t);
        EXPECT_EQ(greater.as_double(i), a > b) << to_string(t);
      }
    }
  }
}

TEST_P(Programs, StoresByTheRulesOfCast) {
  const std::vector<float> values = {0,         1.5f,  -1.5f, 127.9f, 200,    -200,     300,
                                     70000,     3e9f,  -3e9f, 1e20f,  -1e20f, NAN,      INFINITY,
                                     -INFINITY, 65504, 65520, 1e-7f,  1e-8f,  3.14159f, 1.00390625f};
  const Tensor x = Tensor::of<float>({int64_t(values.size())}, values);
  for (const DType t : {DType::f64, DType::f16, DType::bf16, DType::boolean, DType::i8, DType::i16,
                        DType::i32, DType::i64, DType::u8, DType::u16}) {
    const Program by_storing{1, {}, {0}};
    const Program by_cast{1, {instruction(ops::Cast{t}, {0}), instruction(ops::Add{}, {1, 1})}, {2, 1}};
    Tensor stored(t, x.dims()), doubled(DType::f32, x.dims()), casted(t, x.dims());
    ASSERT_TRUE(
        launch("cpu.pointwise", to_bytes(PointwiseParams{by_storing}), GetParam(), {x}, {stored}).ok());
    ASSERT_TRUE(
        launch("cpu.pointwise", to_bytes(PointwiseParams{by_cast}), GetParam(), {x}, {doubled, casted}).ok());
    const Tensor expected = *cast(x, t);
    EXPECT_TRUE(stored.same_bits(expected)) << to_string(t) << stored.to_string() << expected.to_string();
    const Tensor back = *cast(expected, DType::f32);
    for (int64_t i = 0; i < x.count(); ++i) {
      const float b = back.data<float>()[i];
      const float d = doubled.data<float>()[i];
      EXPECT_TRUE(d == b + b || (std::isnan(b) && std::isnan(d)))
          << to_string(t) << " of " << values[size_t(i)] << ": " << d;
    }
  }
}

TEST_P(Programs, PointwiseInPlace) {
  const Program program{
      1,
      {instruction(ops::Square{}, {0}), instruction(ops::Add{}, {0, 1}), instruction(ops::Silu{}, {2})},
      {3}};
  Tensor x = random_tensor({3, 7, 500}, 9);
  const Tensor before = x.clone();
  ASSERT_TRUE(launch("cpu.pointwise", to_bytes(PointwiseParams{program}), GetParam(), {x}, {x}).ok());
  for (int64_t i = 0; i < x.count(); ++i) {
    const double b = before.as_double(i), t = b + b * b;
    EXPECT_NEAR(x.as_double(i), t / (1 + std::exp(-t)), 1e-6);
  }
}

TEST(Pointwise, RefusesShapesThatDoNotBroadcast) {
  const Program add{2, {{"add", "", {0, 1}}}, {2}};
  Tensor out(DType::f32, {2, 3});
  EXPECT_EQ(launch("cpu.pointwise", to_bytes(PointwiseParams{add}), Isa::baseline,
                   {random_tensor({2, 3}, 1), random_tensor({2}, 1)}, {out})
                .message(),
            "an operand of shape [2] does not broadcast to [2, 3]");
  EXPECT_FALSE(launch("cpu.pointwise", to_bytes(PointwiseParams{add}), Isa::baseline,
                      {random_tensor({2, 3}, 1)}, {out})
                   .ok());
  EXPECT_FALSE(launch("cpu.pointwise", "damaged", Isa::baseline, {}, {}).ok());
  EXPECT_EQ(launch("cpu.nothing", "", Isa::baseline, {}, {}).message(),
            "there is no cpu kernel named 'cpu.nothing'");
}

}  // namespace
}  // namespace rekindle::cpu
