// scatter_elements and scatter_nd: known answers, reductions in every kind of type, indices that point
// outside.
// SPDX-License-Identifier: Apache-2.0
#include "math/scatter.h"

#include <cmath>

#include "run_op.h"

namespace rekindle::ops {
namespace {

using namespace rekindle::test;

TEST(ScatterElements, Writes) {
  const Tensor x(DType::f32, {3, 3});
  const Tensor indices = Tensor::of<int64_t>({2, 3}, {1, 0, 2, 0, 2, 1});
  const Tensor updates = Tensor::of<float>({2, 3}, {1, 1.1f, 1.2f, 2, 2.1f, 2.2f});
  EXPECT_TENSOR(run(ScatterElements{0}, {x, indices, updates}),
                Tensor::of<float>({3, 3}, {2, 1.1f, 0, 1, 0, 2.2f, 0, 2.1f, 1.2f}));
  EXPECT_TENSOR(run(ScatterElements{-1}, {counting({1, 5}, 1.f), Tensor::of<int64_t>({1, 2}, {1, -2}),
                                          Tensor::of<float>({1, 2}, {9, 8})}),
                Tensor::of<float>({1, 5}, {1, 9, 3, 8, 5}));
  EXPECT_TENSOR(run(ScatterElements{0}, {counting({2}), i64s({}), counting({0})}), counting({2}));
  EXPECT_TENSOR(run(ScatterElements{0},
                    {Tensor::of_strings({2}, {"a", "b"}), i64s({1}), Tensor::of_strings({1}, {"c"})}),
                Tensor::of_strings({2}, {"a", "c"}));
}
template <class T> Tensor combined(ScatterReduction reduction, std::vector<T> x, std::vector<T> updates) {
  const int64_t n = int64_t(updates.size());
  return run(ScatterElements{0, reduction},
             {Tensor::of<T>({int64_t(x.size())}, x), Tensor(DType::i64, {n}), Tensor::of<T>({n}, updates)});
}
TEST(ScatterElements, Reductions) {
  using enum ScatterReduction;
  EXPECT_TENSOR(combined<float>(none, {1, 5}, {2, 3}), Tensor::of<float>({2}, {3, 5}));
  EXPECT_TENSOR(combined<float>(add, {1, 5}, {2, 3}), Tensor::of<float>({2}, {6, 5}));
  EXPECT_TENSOR(combined<float>(mul, {2, 5}, {2, 3}), Tensor::of<float>({2}, {12, 5}));
  EXPECT_TENSOR(combined<float>(max, {1, 5}, {2, -3}), Tensor::of<float>({2}, {2, 5}));
  EXPECT_TENSOR(combined<float>(min, {1, 5}, {2, -3}), Tensor::of<float>({2}, {-3, 5}));
  EXPECT_TRUE(std::isnan(combined<float>(max, {1}, {NAN, 3}).as_double(0)));
  EXPECT_TENSOR(combined<uint8_t>(add, {250, 5}, {4, 3}), Tensor::of<uint8_t>({2}, {1, 5}));
  EXPECT_TENSOR(combined<int64_t>(max, {INT64_MIN}, {INT64_MAX}), i64s({INT64_MAX}));
  EXPECT_TENSOR(combined<bool>(add, {false}, {false, true}), Tensor::of<bool>({1}, {true}));
  EXPECT_TENSOR(combined<bool>(mul, {true}, {false, true}), Tensor::of<bool>({1}, {false}));
  EXPECT_TENSOR(combined<f16_t>(add, {f16_t(2048.f)}, {f16_t(1.f), f16_t(1.f)}),
                Tensor::of<f16_t>({1}, {f16_t(2048.f)}));
}
TEST(ScatterElements, Refuses) {
  const Tensor x = counting({3});
  EXPECT_EQ(error_of(ScatterElements{0}, {x, i64s({3}), counting({1})}),
            "scatter_elements: index 3 is outside axis 0 of size 3");
  EXPECT_EQ(error_of(ScatterElements{0}, {x, i64s({0}), counting({2})}),
            "scatter_elements: dim 0 of the updates is 2, expected 1");
  EXPECT_EQ(error_of(ScatterElements{1}, {counting({2, 3}), Tensor(DType::i64, {3, 1}), counting({3, 1})}),
            "scatter_elements: dim 0 of the indices is 3, expected at most the 2 of input 0");
  EXPECT_EQ(error_of(ScatterElements{0}, {x, i64s({0}), i64s({0})}),
            "scatter_elements: the updates are i64, expected f32 like input 0");
  EXPECT_EQ(error_of(ScatterElements{0, ScatterReduction::add},
                     {Tensor::of_strings({1}, {"a"}), i64s({0}), Tensor::of_strings({1}, {"b"})}),
            "scatter_elements: elements of string cannot be combined by add, expected whole-byte numbers");
}

TEST(ScatterNd, Writes) {
  EXPECT_TENSOR(run(ScatterNd{}, {counting({8}, 1.f), Tensor::of<int64_t>({4, 1}, {4, 3, 1, -1}),
                                  Tensor::of<float>({4}, {9, 10, 11, 12})}),
                Tensor::of<float>({8}, {1, 11, 3, 10, 9, 6, 7, 12}));
  EXPECT_TENSOR(run(ScatterNd{ScatterReduction::add},
                    {counting({2, 2, 2}), Tensor::of<int64_t>({2, 1}, {0, 0}), counting({2, 2, 2})}),
                Tensor::of<float>({2, 2, 2}, {4, 7, 10, 13, 4, 5, 6, 7}));
  EXPECT_TENSOR(run(ScatterNd{}, {counting({2, 2}), Tensor::of<int64_t>({1, 2, 2}, {0, 1, 1, 0}),
                                  Tensor::of<float>({1, 2}, {8, 9})}),
                Tensor::of<float>({2, 2}, {0, 8, 9, 3}));
  EXPECT_TENSOR(run(ScatterNd{}, {counting({3}), i64s({1}), Tensor::scalar(7.f)}),
                Tensor::of<float>({3}, {0, 7, 2}));
  EXPECT_TENSOR(run(ScatterNd{}, {counting({3}), Tensor(DType::i64, {0, 1}), counting({0})}), counting({3}));
}
TEST(ScatterNd, Refuses) {
  const Tensor x = counting({2, 3});
  EXPECT_EQ(error_of(ScatterNd{}, {x, Tensor::of<int64_t>({1, 2}, {1, 3}), counting({1})}),
            "scatter_nd: index 3 is outside axis 1 of size 3");
  EXPECT_EQ(error_of(ScatterNd{}, {x, Tensor::of<int64_t>({1, 1}, {-3}), counting({1, 3})}),
            "scatter_nd: index -3 is outside axis 0 of size 2");
  EXPECT_EQ(error_of(ScatterNd{}, {x, Tensor(DType::i64, {1, 3}), counting({1})}),
            "scatter_nd: the last dim of the indices is 3, expected 1 to 2");
  EXPECT_EQ(error_of(ScatterNd{}, {x, Tensor(DType::i64, {4, 1}), counting({4, 2})}),
            "scatter_nd: dim 1 of the updates is 2, expected 3");
  EXPECT_EQ(error_of(ScatterNd{}, {x, Tensor(DType::i64, {4, 1}), counting({4})}),
            "scatter_nd: the updates are f32[4], expected the shape [4, 3]");
  EXPECT_EQ(inferred(ScatterNd{}, {type("f32[N, 3]"), type("i64[K, 1]"), type("f32[K, 3]")}), "f32[N, 3]");
}

}  // namespace
}  // namespace rekindle::ops
