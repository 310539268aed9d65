// Matrix multiplication and attention against their definitions, and how exact their sums are.
// SPDX-License-Identifier: Apache-2.0
#include "math/matmul.h"

#include <random>

#include "math/batches.h"
#include "math/softmax.h"
#include "run_op.h"

namespace rekindle::ops {
namespace {

using namespace rekindle::test;

Tensor noise(Dims dims, uint32_t seed) {
  std::mt19937 engine(seed);
  Tensor t(DType::f32, std::move(dims));
  for (int64_t i = 0; i < t.count(); ++i) t.data<float>()[i] = float(engine() % 2001) / 1000 - 1;
  return t;
}
void expect_near(const Tensor& got, const Tensor& wanted, double tolerance) {
  ASSERT_EQ(got.dims(), wanted.dims());
  for (int64_t i = 0; i < got.count(); ++i)
    ASSERT_NEAR(got.as_double(i), wanted.as_double(i), tolerance) << i;
}

TEST(Matmul, FollowsItsDefinitionAcrossBlocks) {
  for (const auto& [m, k, n] :
       {std::array<int64_t, 3>{1, 1, 1}, {3, 129, 257}, {65, 128, 8}, {64, 127, 256}, {130, 5, 263}}) {
    const Tensor a = noise({m, k}, 1), b = noise({k, n}, 2);
    Tensor wanted(DType::f32, {m, n});
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (int64_t l = 0; l < k; ++l)
          sum += double(a.data<float>()[i * k + l]) * double(b.data<float>()[l * n + j]);
        wanted.data<float>()[i * n + j] = float(sum);
      }
    expect_near(run(Matmul{}, {a, b}), wanted, 1e-5);
  }
}

TEST(Matmul, LongSumsStayExact) {  // in one float, 0.1 soon stops to count
  const int64_t k = 1 << 22;
  Tensor a(DType::f32, {1, k}), b(DType::f32, {k, 1});
  for (int64_t i = 0; i < k; ++i) a.data<float>()[i] = 0.1F, b.data<float>()[i] = 1;
  EXPECT_NEAR(run(Matmul{}, {a, b}).as_double(0), double(0.1F) * double(k), 1);
}

TEST(Matmul, SymbolicSizes) {
  EXPECT_EQ(inferred(Matmul{}, {type("f32[B, S, 768]"), type("f32[768, 3*768]")}), "f32[B, S, 2304]");
  EXPECT_EQ(inferred(Matmul{false, true}, {type("f32[B, 1, S, D]"), type("f32[H, T, D]")}),
            "f32[B, H, S, T]");
  EXPECT_EQ(inferred(Matmul{true, true}, {type("f32[K]"), type("f32[N, K]")}), "f32[N]");
  EXPECT_EQ(infer_error(Matmul{}, {type("f32[2, K]"), type("f32[J, 2]")}), "");  // run time tells
  EXPECT_EQ(error_of(Matmul{}, {Tensor(DType::f32, {2, 3}), Tensor(DType::f32, {4, 2})}),
            "matmul: the operands are f32[2, 3] and f32[4, 2]: 3 columns against 4 rows");
}

TEST(Attention, IsTwoMatmulsAndASoftmax) {
  const Tensor q = noise({2, 3, 70, 16}, 1), k = noise({2, 3, 90, 16}, 2), v = noise({2, 3, 90, 8}, 3);
  Tensor scores = run(Matmul{false, true}, {q, k}).clone();
  for (int64_t i = 0; i < scores.count(); ++i) scores.data<float>()[i] *= 0.25F;
  const Tensor wanted = run(Matmul{}, {run(Softmax{}, {scores}), v});
  expect_near(run(Attention{}, {q, k, v}), wanted, 1e-5);
  const Tensor everything(DType::f32, {1, 90});
  expect_near(run(Attention{0.25F}, {q, k, v, everything}), wanted, 1e-5);
  expect_near(run(Attention{0, true, Dim(90)}, {q, k, v}), wanted, 1e-5);  // causal, but all are past
}

TEST(Attention, OffsetsBeyondEveryKey) {
  const Tensor q = noise({2, 4}, 1), k = noise({3, 4}, 2), v = noise({3, 1}, 3);
  EXPECT_TENSOR(run(Attention{0, true, Dim(INT64_MIN)}, {q, k, v}), Tensor::of<float>({2, 1}, {0, 0}));
  expect_near(run(Attention{0, true, Dim(INT64_MAX)}, {q, k, v}), run(Attention{}, {q, k, v}), 0);
  EXPECT_EQ(error_of(Attention{0, true, Dim::symbol("P")}, {q, k, v}).substr(0, 11), "attention: ");
}

TEST(Attention, SymbolicSizes) {
  EXPECT_EQ(inferred(Attention{}, {type("f32[B, 12, S, 64]"), type("f32[B, 12, T, 64]"),
                                   type("f32[B, 12, T, 64]"), type("f32[B, 1, 1, T]")}),
            "f32[B, 12, S, 64]");
}

TEST(Batches, Broadcast) {
  EXPECT_EQ(batch_items({2, 3}, {3}), (std::vector<int64_t>{0, 1, 2, 0, 1, 2}));
  EXPECT_EQ(batch_items({2, 3}, {2, 1}), (std::vector<int64_t>{0, 0, 0, 1, 1, 1}));
  EXPECT_EQ(batch_items({2, 2}, {}), (std::vector<int64_t>{0, 0, 0, 0}));
  EXPECT_EQ(batch_items({}, {}), (std::vector<int64_t>{0}));
  EXPECT_TRUE(batch_items({0, 3}, {3}).empty());
}

}  // namespace
}  // namespace rekindle::ops
