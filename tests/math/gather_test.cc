// gather, gather_elements, gather_nd: known answers, and indices that point outside.
// SPDX-License-Identifier: Apache-2.0
#include "math/gather.h"

#include "run_op.h"

namespace rekindle::ops {
namespace {

using namespace rekindle::test;

TEST(Gather, Rows) {
  const Tensor x = counting({3, 2});
  EXPECT_TENSOR(run(Gather{}, {x, i64s({2, 0, -1})}), Tensor::of<float>({3, 2}, {4, 5, 0, 1, 4, 5}));
  EXPECT_TENSOR(run(Gather{-1}, {x, Tensor::of<int32_t>({1, 2}, {1, 0})}),
                Tensor::of<float>({3, 1, 2}, {1, 0, 3, 2, 5, 4}));
  EXPECT_TENSOR(run(Gather{}, {x, Tensor::scalar(int64_t(1))}), Tensor::of<float>({2}, {2, 3}));
  EXPECT_TENSOR(run(Gather{}, {i64s({7, 8}), Tensor::scalar(int64_t(-2))}), Tensor::scalar(int64_t(7)));
  EXPECT_TENSOR(run(Gather{}, {Tensor::of_strings({2}, {"a", "b"}), i64s({1, 1})}),
                Tensor::of_strings({2}, {"b", "b"}));
}
TEST(Gather, EmptyAndPacked) {
  EXPECT_TENSOR(run(Gather{1}, {counting({3, 2}), i64s({})}), counting({3, 0}));
  EXPECT_TENSOR(run(Gather{1}, {counting({0, 2}), i64s({1})}), counting({0, 1}));
  Tensor x(DType::i4, {5}), wanted(DType::i4, {3});
  for (int i = 0; i < 5; ++i) x.set_double(i, i - 3);
  for (int i = 0; i < 3; ++i) wanted.set_double(i, 1 - 2 * i);
  EXPECT_TENSOR(run(Gather{}, {x, i64s({4, 2, 0})}), wanted);
}
TEST(Gather, Refuses) {
  EXPECT_EQ(error_of(Gather{}, {counting({3, 2}), i64s({3})}), "gather: index 3 is outside axis 0 of size 3");
  EXPECT_EQ(error_of(Gather{1}, {counting({3, 2}), i64s({-3})}),
            "gather: index -3 is outside axis 1 of size 2");
  EXPECT_EQ(error_of(Gather{}, {counting({3}), i64s({INT64_MIN})}),
            "gather: index -9223372036854775808 is outside axis 0 of size 3");
  EXPECT_EQ(error_of(Gather{}, {counting({0}), i64s({0})}), "gather: index 0 is outside axis 0 of size 0");
  EXPECT_EQ(error_of(Gather{}, {counting({3}), counting({1})}),
            "gather: the indices are f32, expected i64 or i32");
  EXPECT_EQ(error_of(Gather{}, {counting({}), i64s({0})}), "gather: axis 0 is outside rank 0");
  EXPECT_EQ(inferred(Gather{1}, {type("f32[N, 5, 3]"), type("i64[K, 2]")}), "f32[N, K, 2, 3]");
}

TEST(GatherElements, FollowsTheIndices) {
  EXPECT_TENSOR(run(GatherElements{1}, {counting({2, 2}, 1.f), Tensor::of<int64_t>({2, 2}, {0, 0, 1, -2})}),
                Tensor::of<float>({2, 2}, {1, 1, 4, 3}));
  EXPECT_TENSOR(
      run(GatherElements{0}, {counting({3, 3}, 1.f), Tensor::of<int64_t>({2, 3}, {1, 2, 0, 2, 0, 0})}),
      Tensor::of<float>({2, 3}, {4, 8, 3, 7, 2, 3}));
  EXPECT_TENSOR(
      run(GatherElements{0}, {counting({3, 3}), Tensor::of<int64_t>({4, 2}, {0, 1, 1, 2, 2, 0, 0, 0})}),
      Tensor::of<float>({4, 2}, {0, 4, 3, 7, 6, 1, 0, 1}));  // fewer columns than x, more rows
  EXPECT_TENSOR(run(GatherElements{0}, {counting({3}), Tensor::of<int64_t>({0}, {})}), counting({0}));
}
TEST(GatherElements, Refuses) {
  EXPECT_EQ(error_of(GatherElements{0}, {counting({3}), i64s({-4})}),
            "gather_elements: index -4 is outside axis 0 of size 3");
  EXPECT_EQ(error_of(GatherElements{0}, {counting({3, 1}), Tensor::of<int64_t>({1, 2}, {0, 0})}),
            "gather_elements: dim 1 of the indices is 2, expected at most the 1 of input 0");
  EXPECT_EQ(error_of(GatherElements{0}, {counting({3, 1}), i64s({0})}),
            "gather_elements: the indices are i64[1], expected the rank 2 of input 0");
}

TEST(GatherNd, Tuples) {
  const Tensor x = counting<int32_t>({2, 2});
  EXPECT_TENSOR(run(GatherNd{}, {x, Tensor::of<int64_t>({2, 2}, {0, 0, 1, -1})}),
                Tensor::of<int32_t>({2}, {0, 3}));
  EXPECT_TENSOR(run(GatherNd{}, {x, Tensor::of<int64_t>({2, 1}, {1, 0})}),
                Tensor::of<int32_t>({2, 2}, {2, 3, 0, 1}));
  EXPECT_TENSOR(run(GatherNd{1}, {counting<int32_t>({2, 2, 2}), Tensor::of<int64_t>({2, 1}, {1, 0})}),
                Tensor::of<int32_t>({2, 2}, {2, 3, 4, 5}));
  EXPECT_TENSOR(run(GatherNd{}, {counting<int32_t>({5}), i64s({3})}), Tensor::scalar(int32_t(3)));
  EXPECT_TENSOR(
      run(GatherNd{1}, {counting({2, 3, 4}), Tensor::of<int64_t>({2, 2, 2}, {0, 1, 2, 3, 1, 0, 2, 2})}),
      Tensor::of<float>({2, 2}, {1, 11, 16, 22}));
  EXPECT_TENSOR(run(GatherNd{}, {counting({2, 3}), Tensor(DType::i64, {0, 2})}), counting({0}));
}
TEST(GatherNd, Refuses) {
  const Tensor x = counting({2, 3});
  EXPECT_EQ(error_of(GatherNd{}, {x, Tensor::of<int64_t>({1, 2}, {0, 3})}),
            "gather_nd: index 3 is outside axis 1 of size 3");
  EXPECT_EQ(error_of(GatherNd{}, {x, Tensor::of<int64_t>({1, 3}, {0, 0, 0})}),
            "gather_nd: the last dim of the indices is 3, expected 1 to 2");
  EXPECT_EQ(error_of(GatherNd{1}, {x, i64s({0})}),
            "gather_nd: batch_dims is 1 for inputs of rank 2 and 1, expected 0 or more and fewer than both");
  EXPECT_EQ(error_of(GatherNd{1}, {x, Tensor::of<int64_t>({3, 1}, {0, 0, 0})}),
            "gather_nd: batch dim 0 of the indices is 3, expected 2");
  EXPECT_EQ(inferred(GatherNd{}, {type("f32[2, 3]"), type("i64[4, N]")}),
            "gather_nd: the indices are i64[4, N], expected a last dim that is known before running");
  EXPECT_EQ(inferred(GatherNd{1}, {type("f32[N, 3, 5]"), type("i64[2, K, 1]")}), "f32[2, K, 5]");
}

}  // namespace
}  // namespace rekindle::ops
