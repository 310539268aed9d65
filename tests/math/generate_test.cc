// shape_value, range, one_hot, eye_like.
// SPDX-License-Identifier: Apache-2.0
#include "math/generate.h"

#include "run_op.h"

namespace rekindle::ops {
namespace {

using namespace rekindle::test;

TEST(ShapeValue, IsItsDims) {
  EXPECT_TENSOR(run(ShapeValue{{3, 4}}, {}), i64s({3, 4}));
  EXPECT_TENSOR(run(ShapeValue{{5}, true}, {}), Tensor::scalar(int64_t(5)));
  EXPECT_TENSOR(run(ShapeValue{}, {}), i64s({}));
  EXPECT_EQ(inferred(ShapeValue{{Dim::symbol("N"), 2}}, {}), "i64[2]");
  EXPECT_EQ(error_of(ShapeValue{{Dim::symbol("N") * 2}}, {}),
            "shape_value: 2*N in the dims has no value, expected a number when it is evaluated");
  EXPECT_EQ(error_of(ShapeValue{{1, 2}, true}, {}), "shape_value: a scalar has 2 dims, expected 1");
}

template <class T> Tensors bounds(T start, T limit, T delta) {
  return {Tensor::scalar(start), Tensor::scalar(limit), Tensor::scalar(delta)};
}

TEST(Range, Counts) {
  EXPECT_TENSOR(run(Range{}, bounds<int64_t>(10, 4, -2)), i64s({10, 8, 6}));
  EXPECT_TENSOR(run(Range{}, bounds<int32_t>(0, 7, 3)), Tensor::of<int32_t>({3}, {0, 3, 6}));
  EXPECT_TENSOR(run(Range{}, bounds<float>(1, 5, 2)), Tensor::of<float>({2}, {1, 3}));
  EXPECT_TENSOR(run(Range{}, bounds<float>(0, 1, 0.3f)), Tensor::of<float>({4}, {0, 0.3f, 0.6f, 0.3f * 3}));
  EXPECT_TENSOR(run(Range{}, bounds<double>(5, 5, 1)), Tensor::of<double>({0}, {}));
  EXPECT_TENSOR(run(Range{}, bounds<int64_t>(3, 1, 1)), i64s({}));
  EXPECT_TENSOR(run(Range{}, {i64s({0}), i64s({2}), i64s({1})}), i64s({0, 1}));
  EXPECT_TENSOR(run(Range{3}, bounds<int64_t>(1, 0, 5)), i64s({1, 6, 11}));  // the count decides
  EXPECT_EQ(inferred(Range{Dim::symbol("N")}, {type("i64[]"), type("i64[]"), type("i64[]")}), "i64[N]");
}
TEST(Range, Refuses) {
  EXPECT_EQ(error_of(Range{}, bounds<int64_t>(0, 5, 0)), "range: delta is 0, expected another number");
  EXPECT_EQ(error_of(Range{}, bounds<float>(0, 5, 0)), "range: delta is 0, expected another number");
  EXPECT_EQ(error_of(Range{}, bounds<float>(0, NAN, 1)), "range: start, limit or delta is not a number");
  EXPECT_EQ(error_of(Range{}, bounds<int64_t>(INT64_MIN, INT64_MAX, 1)),
            "range: shape [9223372036854775807] is too large, expected fewer than 2^48 elements");
  EXPECT_EQ(error_of(Range{}, bounds<float>(0, INFINITY, 1)),
            "range: shape [9223372036854775807] is too large, expected fewer than 2^48 elements");
  EXPECT_EQ(error_of(Range{}, {i64s({0, 1}), i64s({2}), i64s({1})}),
            "range: the start is i64[2], expected one element");
  EXPECT_EQ(error_of(Range{}, {i64s({0}), Tensor::scalar(1.f), i64s({1})}),
            "range: the limit is f32, expected i64 like the start");
}

TEST(OneHot, Axes) {
  const Tensor values = Tensor::of<float>({2}, {-1, 5});
  EXPECT_TENSOR(run(OneHot{-1, 3}, {i64s({0, -1, 3, -4}), values}),
                Tensor::of<float>({4, 3}, {5, -1, -1, -1, -1, 5, -1, -1, -1, -1, -1, -1}));
  EXPECT_TENSOR(run(OneHot{0, 3}, {i64s({1, 2}), values}), Tensor::of<float>({3, 2}, {-1, -1, 5, -1, -1, 5}));
  EXPECT_TENSOR(run(OneHot{1, 2}, {Tensor::of<int64_t>({2, 2}, {0, 1, 1, 0}), values}),
                Tensor::of<float>({2, 2, 2}, {5, -1, -1, 5, -1, 5, 5, -1}));
  EXPECT_TENSOR(run(OneHot{}, {Tensor::of<float>({2}, {1.9f, NAN}), Tensor::of<int64_t>({2}, {0, 1}),
                               Tensor::scalar(2.f)}),
                Tensor::of<int64_t>({2, 2}, {0, 1, 0, 0}));
  EXPECT_TENSOR(run(OneHot{-1, 2}, {Tensor::scalar(int64_t(1)), Tensor::of<bool>({2}, {false, true})}),
                Tensor::of<bool>({2}, {false, true}));
  EXPECT_TENSOR(run(OneHot{-1, 0}, {i64s({1}), values}), counting({1, 0}));
}
TEST(OneHot, Refuses) {
  const Tensor values = Tensor::of<float>({2}, {0, 1});
  EXPECT_EQ(error_of(OneHot{2, 3}, {i64s({0}), values}),
            "one_hot: axis 2 is outside rank 2, that of the output");
  EXPECT_EQ(error_of(OneHot{-1, -3}, {i64s({0}), values}), "one_hot: the depth is -3, expected at least 0");
  EXPECT_EQ(error_of(OneHot{}, {i64s({0}), values, i64s({-3})}),
            "one_hot: the depth is -3, expected at least 0");
  EXPECT_EQ(error_of(OneHot{}, {i64s({0}), values, Tensor::scalar(1e30f)}),
            "one_hot: shape [1, 9223372036854775807] is too large, expected fewer than 2^48 elements");
  EXPECT_EQ(error_of(OneHot{-1, 3}, {i64s({0}), counting({3})}),
            "one_hot: the number of values is 3, expected 2");
}

TEST(EyeLike, Diagonals) {
  const Tensor x = counting({2, 3});
  EXPECT_TENSOR(run(EyeLike{}, {x}), Tensor::of<float>({2, 3}, {1, 0, 0, 0, 1, 0}));
  EXPECT_TENSOR(run(EyeLike{DType::i32, 1}, {x}), Tensor::of<int32_t>({2, 3}, {0, 1, 0, 0, 0, 1}));
  EXPECT_TENSOR(run(EyeLike{DType::boolean, -1}, {x}),
                Tensor::of<bool>({2, 3}, {false, false, false, true, false, false}));
  EXPECT_TENSOR(run(EyeLike{DType::f32, INT64_MIN}, {x}), Tensor(DType::f32, {2, 3}));
  EXPECT_TENSOR(run(EyeLike{DType::f32, INT64_MAX}, {x}), Tensor(DType::f32, {2, 3}));
  EXPECT_TENSOR(run(EyeLike{}, {counting({0, 3})}), counting({0, 3}));
  EXPECT_EQ(error_of(EyeLike{}, {counting({2})}), "eye_like: input 0 is f32[2], expected rank 2");
}

}  // namespace
}  // namespace rekindle::ops
