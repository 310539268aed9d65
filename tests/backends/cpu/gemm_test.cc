// cpu.gemm against a naive loop in double: odd sizes, batches, views, packed weights, k blocks, tails.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/gemm.h"

#include <cmath>
#include <functional>

#include "backends/cpu/kernel_test.h"
#include "math/elementwise.h"

namespace rekindle::cpu {
namespace {

template <class T> Instruction instruction(const T& op, std::vector<uint32_t> args) {
  std::string params;
  if constexpr (HasFields<T>) params = to_bytes(op);
  return {T::name, params, std::move(args)};
}

class GemmTest : public ::testing::TestWithParam<Isa> {};
INSTANTIATE_TEST_SUITE_P(Isa, GemmTest, ::testing::ValuesIn(isa_levels()),
                         [](const auto& info) { return std::string(enum_name(info.param)); });

/// C = A B (+ bias) for 2-D contiguous tensors.
Tensor naive(const Tensor& a, const Tensor& b, const Tensor* bias) {
  const int64_t m = a.dims()[0], k = a.dims()[1], n = b.dims()[1];
  Tensor c(DType::f32, {m, n});
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sum = bias ? bias->as_double(j) : 0;
      for (int64_t p = 0; p < k; ++p) sum += a.as_double(i * k + p) * b.as_double(p * n + j);
      c.set_double(i * n + j, sum);
    }
  return c;
}
Tensor turned(const Tensor& t) {
  const int64_t r = t.dims()[0], c = t.dims()[1];
  Tensor out(DType::f32, {c, r});
  for (int64_t i = 0; i < r; ++i)
    for (int64_t j = 0; j < c; ++j) out.data<float>()[j * r + i] = t.data<float>()[i * c + j];
  return out;
}

TEST_P(GemmTest, EverySizeAndFormOfB) {
  const std::vector<Dims> sizes = {{1, 1, 1},    {2, 3, 5},      {1, 64, 37},  {7, 16, 16},   {6, 64, 64},
                                   {13, 33, 1},  {5, 17, 0},     {31, 100, 7}, {50, 129, 65}, {1, 1000, 300},
                                   {97, 48, 96}, {19, 80, 1200}, {0, 8, 8},    {8, 0, 8},     {300, 24, 31}};
  for (const Dims& s : sizes) {
    const int64_t m = s[0], n = s[1], k = s[2];
    const Tensor a = random_tensor({m, k}, 1), b = random_tensor({k, n}, 2), bias = random_tensor({n}, 3);
    const double atol = 1e-6 * (1 + std::sqrt(double(k)));
    for (const bool has_bias : {false, true}) {
      const Tensor expected = naive(a, b, has_bias ? &bias : nullptr);
      for (const int form : {0, 1, 2, 3, 4}) {
        GemmParams params;
        params.has_bias = has_bias;
        params.k = k, params.n = n;
        std::vector<TestArg> in{a, b};
        if (form == 1) params.transpose_a = true, in[0] = turned(a);
        if (form == 2) params.transpose_b = true, in[1] = turned(b);
        if (form == 3) params.packed = true, in[1] = TestArg::weight(pack_gemm_weights(b, false, GetParam()));
        if (form == 4)
          params.packed = true, in[1] = TestArg::weight(pack_gemm_weights(turned(b), true, GetParam()));
        if (has_bias) in.emplace_back(bias);
        for (const int threads : {1, 3}) {
          Tensor c(DType::f32, {m, n});
          const Status status = launch("cpu.gemm", to_bytes(params), GetParam(), in, {c}, threads);
          ASSERT_TRUE(status.ok()) << status.to_string();
          EXPECT_TRUE(near(c, expected, atol, 1e-5))
              << to_string(s) << " form " << form << " threads " << threads;
        }
      }
    }
  }
}

TEST_P(GemmTest, DeepProductsInBlocks) {
  const Tensor a = random_tensor({70, 5000}, 1), b = random_tensor({5000, 70}, 2),
               bias = random_tensor({70}, 3), x = random_tensor({70, 70}, 4);
  Tensor expected = naive(a, b, &bias);
  for (int64_t i = 0; i < expected.count(); ++i)
    expected.set_double(i, std::max(0.0, expected.as_double(i) + x.as_double(i)));
  GemmParams params{false,
                    false,
                    true,
                    5000,
                    70,
                    true,
                    {2, {instruction(ops::Add{}, {1, 0}), instruction(ops::Relu{}, {2})}, {3}}};
  Tensor c = x.clone();  // the addend's memory is the result's
  const Status status = launch("cpu.gemm", to_bytes(params), GetParam(),
                               {a, pack_gemm_weights(b, false, GetParam()), bias, c}, {c});
  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_TRUE(near(c, expected, 2e-4, 1e-5));
}

TEST_P(GemmTest, Batches) {
  // A [2, 3, 10, 20] against B of every way to broadcast, results also as [2, 10, 3, N] (heads interleaved).
  const int64_t m = 10, k = 20, n = 34;
  const Tensor a = random_tensor({2, 3, m, k}, 1);
  for (const Dims& b_batch : {Dims{}, Dims{3}, Dims{2, 1}, Dims{2, 3}}) {
    Dims b_dims = b_batch;
    b_dims.insert(b_dims.end(), {k, n});
    const Tensor b = random_tensor(b_dims, 2);
    const auto b_start = [&](int64_t i, int64_t j) {
      return k * n *
             (b_batch.empty()       ? 0
              : b_batch.size() == 1 ? j
                                    : i * b_batch[1] + (b_batch[1] == 1 ? 0 : j));
    };
    for (const bool interleaved : {false, true}) {
      for (const int threads : {1, 2, 16}) {
        Tensor c(DType::f32, {2, 3, m, n});
        const Dims strides = interleaved ? Dims{3 * m * n, n, 3 * n, 1} : Dims{3 * m * n, m * n, n, 1};
        const Status status = launch("cpu.gemm", to_bytes(GemmParams{}), GetParam(), {a, b},
                                     {TestArg(c).view({2, 3, m, n}, strides)}, threads);
        ASSERT_TRUE(status.ok()) << status.to_string();
        double worst = 0;
        for (int64_t i = 0; i < 2; ++i)
          for (int64_t j = 0; j < 3; ++j)
            for (int64_t r = 0; r < m; ++r)
              for (int64_t col = 0; col < n; ++col) {
                double sum = 0;
                for (int64_t p = 0; p < k; ++p)
                  sum +=
                      a.as_double(((i * 3 + j) * m + r) * k + p) * b.as_double(b_start(i, j) + p * n + col);
                worst = std::max(worst, std::abs(sum - c.as_double(i * strides[0] + j * strides[1] +
                                                                   r * strides[2] + col)));
              }
        EXPECT_LT(worst, 1e-5) << to_string(b_dims) << interleaved << threads;
      }
    }
  }
}

TEST_P(GemmTest, BatchesOfWeightsShareOneProduct) {
  const Tensor a = random_tensor({4, 5, 6, 30}, 1), b = random_tensor({30, 40}, 2);
  const Tensor expected = naive(a.reshaped({120, 30}), b, nullptr);
  Tensor c(DType::f32, {4, 5, 6, 40});
  GemmParams params;
  params.packed = true, params.k = 30, params.n = 40;
  ASSERT_TRUE(
      launch("cpu.gemm", to_bytes(params), GetParam(), {a, pack_gemm_weights(b, false, GetParam())}, {c})
          .ok());
  EXPECT_TRUE(near(c.reshaped({120, 40}), expected, 1e-5, 1e-5));
}

struct TailCase {
  std::string name;
  Program program;
  std::vector<Tensor> operands;
  std::function<double(double c, int64_t row, int64_t column, const std::vector<Tensor>&)> expected;
};

std::vector<TailCase> tail_cases(int64_t m, int64_t n) {
  const Tensor full = random_tensor({m, n}, 11), row = random_tensor({n}, 12),
               column = random_tensor({m, 1}, 13), scalar = random_tensor({1}, 14);
  const auto relu = [](double x) { return std::max(0.0, x); };
  const auto silu = [](double x) { return x / (1 + std::exp(-x)); };
  return {
      {"relu",
       {1, {instruction(ops::Relu{}, {0})}, {1}},
       {},
       [=](double c, int64_t, int64_t, auto&) { return relu(c); }},
      {"clip",
       {1, {instruction(ops::Clip{-0.5f, 0.25f}, {0})}, {1}},
       {},
       [](double c, int64_t, int64_t, auto&) { return std::clamp(c, -0.5, 0.25); }},
      {"add",
       {2, {instruction(ops::Add{}, {0, 1})}, {2}},
       {full},
       [=](double c, int64_t i, int64_t j, auto& t) { return c + t[0].as_double(i * n + j); }},
      {"add a row, relu",
       {2, {instruction(ops::Add{}, {1, 0}), instruction(ops::Relu{}, {2})}, {3}},
       {row},
       [=](double c, int64_t, int64_t j, auto& t) { return relu(c + t[0].as_double(j)); }},
      {"relu, add",
       {2, {instruction(ops::Relu{}, {0}), instruction(ops::Add{}, {2, 1})}, {3}},
       {full},
       [=](double c, int64_t i, int64_t j, auto& t) { return relu(c) + t[0].as_double(i * n + j); }},
      {"add a column",
       {2, {instruction(ops::Add{}, {0, 1})}, {2}},
       {column},
       [](double c, int64_t i, int64_t, auto& t) { return c + t[0].as_double(i); }},
      {"silu",
       {1, {instruction(ops::Silu{}, {0})}, {1}},
       {},
       [=](double c, int64_t, int64_t, auto&) { return silu(c); }},
      {"silu, times a row, plus a scalar",
       {3,
        {instruction(ops::Silu{}, {0}), instruction(ops::Mul{}, {3, 1}), instruction(ops::Add{}, {4, 2})},
        {5}},
       {row, scalar},
       [=](double c, int64_t, int64_t j, auto& t) {
         return silu(c) * t[0].as_double(j) + t[1].as_double(0);
       }},
      {"doubled",
       {1, {instruction(ops::Add{}, {0, 0})}, {1}},
       {},
       [](double c, int64_t, int64_t, auto&) { return 2 * c; }},
      {"minus",
       {2, {instruction(ops::Sub{}, {1, 0})}, {2}},
       {full},
       [=](double c, int64_t i, int64_t j, auto& t) { return t[0].as_double(i * n + j) - c; }},
  };
}

TEST_P(GemmTest, Tails) {
  for (const Dims& s :
       {Dims{37, 70, 19}, Dims{20, 64, 40}, Dims{9, 5, 4}, Dims{3, 1, 8}, Dims{130, 130, 1300}}) {
    const int64_t m = s[0], n = s[1], k = s[2];
    const Tensor a = random_tensor({m, k}, 1), b = random_tensor({k, n}, 2), bias = random_tensor({n}, 3);
    const Tensor product = naive(a, b, &bias);
    for (const TailCase& c : tail_cases(m, n)) {
      GemmParams params{false, false, true, k, n, true, c.program};
      std::vector<TestArg> in{a, pack_gemm_weights(b, false, GetParam()), bias};
      for (const Tensor& t : c.operands) in.emplace_back(t);
      Tensor wide(DType::f32, {m, n + 9});  // the result is part of a concatenation
      const Status status =
          launch("cpu.gemm", to_bytes(params), GetParam(), in, {TestArg(wide).view({m, n}, {n + 9, 1}, 4)});
      ASSERT_TRUE(status.ok()) << status.to_string();
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n + 9; ++j) {
          const double got = wide.as_double(i * (n + 9) + j);
          const bool inside = j >= 4 && j < n + 4;
          const double expected =
              inside ? c.expected(product.as_double(i * n + j - 4), i, j - 4, c.operands) : 0;
          ASSERT_NEAR(got, expected, 5e-5 + 1e-5 * std::abs(expected))
              << c.name << " " << to_string(s) << " at " << i << ", " << j;
        }
    }
  }
}

TEST_P(GemmTest, TailsWithOtherTypesAndOutputs) {
  const Tensor a = random_tensor({21, 30}, 1), b = random_tensor({30, 50}, 2);
  const Tensor product = naive(a, b, nullptr);
  Tensor rounded(DType::f16, {21, 50}), positive(DType::boolean, {21, 50});
  const Program tail{2, {instruction(ops::Greater{}, {0, 1})}, {0, 2}};
  const Tensor limit = Tensor::scalar<int32_t>(0);
  const Status status = launch("cpu.gemm", to_bytes(GemmParams{false, false, false, 0, 0, false, tail}),
                               GetParam(), {a, b, limit}, {rounded, positive});
  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_TRUE(near(rounded, product, 1e-3, 1e-3));
  for (int64_t i = 0; i < product.count(); ++i)
    EXPECT_TRUE(positive.as_double(i) == (product.as_double(i) > 0) || std::abs(product.as_double(i)) < 1e-5);
}

TEST(Gemm, RefusesShapesThatDoNotFit) {
  const std::string plain = to_bytes(GemmParams{});
  const auto message = [](const std::string& params, std::vector<TestArg> in, const Dims& out) {
    return launch("cpu.gemm", params, Isa::baseline, std::move(in), {Tensor(DType::f32, out)}).message();
  };
  const Tensor a = random_tensor({4, 5}, 1), b = random_tensor({5, 6}, 1);
  EXPECT_EQ(message(plain, {a, a}, {4, 6}), "gemm: A [4, 5] and B [4, 5] do not make [4, 6]");
  EXPECT_EQ(message(plain, {a, b}, {4, 7}), "gemm: A [4, 5] and B [5, 6] do not make [4, 7]");
  EXPECT_NE(message(plain, {a}, {4, 6}), "");
  EXPECT_NE(message(plain, {random_tensor({5}, 1), b}, {1, 6}), "");
  EXPECT_NE(message(to_bytes(GemmParams{false, false, true, 5, 6, false, {}}), {a, b}, {4, 6}), "");
  EXPECT_NE(message(to_bytes(GemmParams{false, false, false, 0, 0, true, {}}), {a, b, a}, {4, 6}), "");
  EXPECT_NE(message(plain, {a, b, b}, {4, 6}), "");
}

}  // namespace
}  // namespace rekindle::cpu
