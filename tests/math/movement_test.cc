// Ops that only move elements: known answers, odd shapes and types, and what they refuse.
// SPDX-License-Identifier: Apache-2.0
#include "math/movement.h"

#include "math/element_copy.h"
#include "run_op.h"

namespace rekindle::ops {
namespace {

using namespace rekindle::test;

/// Packed elements by value.
Tensor u4s(Dims dims, const std::vector<int>& values) {
  Tensor t(DType::u4, std::move(dims));
  for (size_t i = 0; i < values.size(); ++i) t.set_double(int64_t(i), values[i]);
  return t;
}

TEST(Reshape, KeepsTheElements) {
  EXPECT_TENSOR(run(Reshape{{3, 2}}, {counting({2, 3})}), counting({3, 2}));
  EXPECT_TENSOR(run(Reshape{{}}, {counting({1, 1})}), counting({}));
  EXPECT_TENSOR(run(Reshape{{0, 7}}, {counting({3, 0})}), counting({0, 7}));
}
TEST(Reshape, RunTimeShape) {
  EXPECT_TENSOR(run(Reshape{}, {counting({2, 3, 4}), i64s({0, -1})}), counting({2, 12}));
  EXPECT_TENSOR(run(Reshape{}, {counting({2, 3, 4}), i64s({-1, 0, 2})}), counting({4, 3, 2}));
  EXPECT_TENSOR(run(Reshape{{}, true}, {counting({0, 3}), i64s({3, 0})}), counting({3, 0}));
  EXPECT_TENSOR(run(Reshape{}, {counting({1}), i64s({})}), counting({}));
}
TEST(Reshape, Refuses) {
  EXPECT_EQ(error_of(Reshape{{4, 2}}, {counting({2, 3})}),
            "reshape: [2, 3] cannot become [4, 2]: 6 elements against 8");
  EXPECT_EQ(error_of(Reshape{{-1, 2}}, {counting({2, 3})}),
            "reshape: shape [-1, 2] has the dim -1, expected at least 0");
  EXPECT_EQ(error_of(Reshape{}, {counting({2, 3}), i64s({-1, -1})}),
            "reshape: the shape [-1, -1] holds -1 twice, expected at most one");
  EXPECT_EQ(error_of(Reshape{}, {counting({2, 3}), i64s({-2, 3})}),
            "reshape: the shape [-2, 3] holds -2, expected -1 or more");
  EXPECT_EQ(error_of(Reshape{}, {counting({2, 3}), i64s({-1, 4})}),
            "reshape: the shape [-1, 4] cannot hold the 6 elements of [2, 3]: they do not divide by 4");
  EXPECT_EQ(error_of(Reshape{}, {counting({6}), i64s({6, 0})}),
            "reshape: the shape [6, 0] copies dim 1 of [6], which has none there");
  EXPECT_EQ(error_of(Reshape{{}, true}, {counting({0, 3}), i64s({0, -1})}),
            "reshape: the shape [0, -1] holds both 0 and -1 with allow_zero, expected one of them");
  EXPECT_EQ(error_of(Reshape{}, {counting({0, 3}), i64s({0, -1})}),
            "reshape: the shape [0, -1] cannot hold the 0 elements of [0, 3]: they do not divide by 0");
  EXPECT_EQ(error_of(Reshape{}, {counting({6}), i64s({int64_t(1) << 40, int64_t(1) << 40})}),
            "reshape: shape [1099511627776, 1099511627776] is too large, expected fewer than 2^48 elements");
  EXPECT_EQ(error_of(Reshape{}, {counting({6}), Tensor(DType::i64, {65})}),
            "reshape: the shape has 65 elements, expected at most 64");
}
TEST(Reshape, Symbols) {
  const Dim n = Dim::symbol("N");
  EXPECT_EQ(inferred(Reshape{{n, 12}}, {type("f32[N, 3, 4]")}), "f32[N, 12]");
  EXPECT_EQ(inferred(Reshape{{2, floor_div(n, 2)}}, {type("f32[N]")}),
            "f32[2, floor(N/2)]");  // may hold: run time tells
  EXPECT_EQ(inferred(Reshape{}, {type("f32[4]"), type("i64[N]")}),
            "reshape: the shape is i64[N], expected a length that is known before running");
  EXPECT_EQ(error_of(Reshape{{n}}, {counting({4})}),
            "reshape: N in the shape has no value, expected a number when it is evaluated");
}

TEST(Transpose, Permutes) {
  EXPECT_TENSOR(run(Transpose{{1, 0}}, {counting({2, 3})}), Tensor::of<float>({3, 2}, {0, 3, 1, 4, 2, 5}));
  EXPECT_TENSOR(run(Transpose{}, {counting({1, 2, 3})}), Tensor::of<float>({3, 2, 1}, {0, 3, 1, 4, 2, 5}));
  EXPECT_TENSOR(run(Transpose{}, {counting({})}), counting({}));
  EXPECT_TENSOR(run(Transpose{{2, 0, 1}}, {counting({0, 3, 5})}), counting({5, 0, 3}));
  EXPECT_TENSOR(run(Transpose{}, {Tensor::of_strings({2, 2}, {"a", "b", "c", "d"})}),
                Tensor::of_strings({2, 2}, {"a", "c", "b", "d"}));
  EXPECT_TENSOR(run(Transpose{}, {u4s({3, 2}, {1, 2, 3, 4, 5, 6})}), u4s({2, 3}, {1, 3, 5, 2, 4, 6}));
}
TEST(Transpose, LargeBlocksAgreeWithIndices) {
  const Dims dims{3, 37, 5, 41};  // blocks, edges of blocks, and dims between the transposed ones
  const std::vector<int64_t> perm{3, 0, 2, 1};
  auto check = [&](auto zero) {
    using T = decltype(zero);
    const Tensor x = counting<T>(dims), y = run(Transpose{perm}, {x});
    const Dims from = contiguous_strides(dims);
    const T* p = y.data<T>();
    for (int64_t a = 0; a < 41; ++a)
      for (int64_t b = 0; b < 3; ++b)
        for (int64_t c = 0; c < 5; ++c)
          for (int64_t d = 0; d < 37; ++d)
            ASSERT_EQ(*p++, x.data<T>()[a * from[3] + b * from[0] + c * from[2] + d * from[1]]);
  };
  check(uint8_t{}), check(int16_t{}), check(float{}), check(double{});
}
TEST(Transpose, Refuses) {
  EXPECT_EQ(error_of(Transpose{{0, 0}}, {counting({2, 3})}),
            "transpose: perm [0, 0] has the axis 0 twice, expected each axis once");
  EXPECT_EQ(error_of(Transpose{{0, 2}}, {counting({2, 3})}),
            "transpose: perm [0, 2] has the axis 2, outside rank 2");
  EXPECT_EQ(error_of(Transpose{{-1, 0}}, {counting({2, 3})}),
            "transpose: perm [-1, 0] has the axis -1, outside rank 2");
  EXPECT_EQ(error_of(Transpose{{0}}, {counting({2, 3})}),
            "transpose: perm [0] has 1 entries, expected the rank 2");
}

TEST(Expand, Broadcasts) {
  EXPECT_TENSOR(run(Expand{{2, 3}}, {counting({3})}), Tensor::of<float>({2, 3}, {0, 1, 2, 0, 1, 2}));
  EXPECT_TENSOR(run(Expand{{1, 3}}, {counting({2, 1})}), Tensor::of<float>({2, 3}, {0, 0, 0, 1, 1, 1}));
  EXPECT_TENSOR(run(Expand{{2}}, {counting({}, 7.f)}), Tensor::of<float>({2}, {7, 7}));
  EXPECT_TENSOR(run(Expand{{0}}, {counting({1})}), counting({0}));
  EXPECT_TENSOR(run(Expand{}, {counting({3, 1}), i64s({2, 1, 2})}),
                Tensor::of<float>({2, 3, 2}, {0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2}));
  EXPECT_TENSOR(run(Expand{{3}}, {Tensor::of_strings({1}, {"x"})}), Tensor::of_strings({3}, {"x", "x", "x"}));
}
TEST(Expand, InfersWhatIsCertain) {
  EXPECT_EQ(inferred(Expand{{Dim::symbol("N"), 1, 4}}, {type("f32[3, 1]")}), "f32[N, 3, 4]");
  const auto types = Expand{}.infer(Types{type("f32[5, 3, 1]"), type("i64[2]")});
  ASSERT_TRUE(types.ok());
  EXPECT_TRUE((*types)[0].shape[0].is(5));  // the shape does not reach it
  EXPECT_TRUE((*types)[0].shape[1].is(3));
  EXPECT_TRUE((*types)[0].shape[2].is_unknown());
}
TEST(Expand, Refuses) {
  EXPECT_EQ(error_of(Expand{{4}}, {counting({3})}),
            "expand: shapes [3] and [4] do not broadcast: 3 against 4, expected equal sizes or 1");
  EXPECT_EQ(error_of(Expand{{int64_t(1) << 50}}, {counting({1})}),
            "expand: shape [1125899906842624] is too large, expected fewer than 2^48 elements");
  EXPECT_EQ(error_of(Expand{}, {counting({1}), i64s({int64_t(1) << 25, int64_t(1) << 25})}),
            "expand: shape [33554432, 33554432] is too large, expected fewer than 2^48 elements");
  EXPECT_EQ(error_of(Expand{}, {counting({1}), i64s({-1})}),
            "expand: shape [-1] has the dim -1, expected at least 0");
}

TEST(Concat, Joins) {
  EXPECT_TENSOR(run(Concat{1}, {counting({2, 2}), counting({2, 1}, 10.f)}),
                Tensor::of<float>({2, 3}, {0, 1, 10, 2, 3, 11}));
  EXPECT_TENSOR(run(Concat{-2}, {counting({1, 2}), counting({0, 2}), counting({2, 2}, 2.f)}),
                counting({3, 2}));
  EXPECT_TENSOR(run(Concat{0}, {u4s({3}, {1, 2, 3}), u4s({2}, {4, 5})}), u4s({5}, {1, 2, 3, 4, 5}));
  EXPECT_TENSOR(run(Concat{0}, {counting<int64_t>({3})}), counting<int64_t>({3}));
  EXPECT_EQ(inferred(Concat{0}, {type("f32[N, M]"), type("f32[2, 7]")}), "f32[N + 2, 7]");
}
TEST(Concat, Refuses) {
  EXPECT_EQ(error_of(Concat{0}, {counting({2, 3}), counting({2, 4})}),
            "concat: dim 1 of input 1 is 4, expected 3");
  EXPECT_EQ(error_of(Concat{0}, {counting({2}), counting<int64_t>({2})}),
            "concat: input 1 is i64[2], expected f32 of rank 1 like input 0");
  EXPECT_EQ(error_of(Concat{0}, {counting({})}), "concat: axis 0 is outside rank 0");
  EXPECT_EQ(error_of(Concat{0}, {counting({2}), Tensor()}), "concat: input 1 is absent, expected a tensor");
  EXPECT_EQ(error_of(Concat{0}, {}), "concat takes at least 1 input, got 0");
}

TEST(Slice, Fields) {
  EXPECT_TENSOR(run(Slice{{1}, {1}, {3}, {}}, {counting({2, 4})}), Tensor::of<float>({2, 2}, {1, 2, 5, 6}));
  EXPECT_TENSOR(run(Slice{{-1, 0}, {3, 0}, {-1, 1}, {-2, 1}}, {counting({2, 4})}),
                Tensor::of<float>({1, 2}, {3, 1}));
  EXPECT_TENSOR(run(Slice{{}, {0}, {2}, {}}, {counting({3, 2})}), counting({2, 2}));
  EXPECT_TENSOR(run(Slice{{0}, {2}, {2}, {}}, {counting({3, 2})}), counting({0, 2}));
  EXPECT_TENSOR(run(Slice{{0}, {6}, {-1}, {-3}}, {counting({7})}), Tensor::of<float>({3}, {6, 3, 0}));
  EXPECT_TENSOR(run(Slice{{0}, {1}, {4}, {2}}, {u4s({5}, {1, 2, 3, 4, 5})}), u4s({2}, {2, 4}));
}
TEST(Slice, RunTimeInputsAreClamped) {
  const Tensor x = counting({5});
  EXPECT_TENSOR(run(Slice{}, {x, i64s({-3}), i64s({INT64_MAX})}), Tensor::of<float>({3}, {2, 3, 4}));
  EXPECT_TENSOR(run(Slice{}, {x, i64s({INT64_MIN}), i64s({2})}), Tensor::of<float>({2}, {0, 1}));
  EXPECT_TENSOR(run(Slice{}, {x, i64s({INT64_MAX}), i64s({INT64_MIN}), i64s({0}), i64s({-2})}),
                Tensor::of<float>({3}, {4, 2, 0}));
  EXPECT_TENSOR(run(Slice{}, {x, i64s({4}), i64s({0}), i64s({-1}), i64s({INT64_MIN})}),
                Tensor::of<float>({1}, {4}));
  EXPECT_TENSOR(run(Slice{}, {x, i64s({4}), i64s({2})}), counting({0}));
  // Going back, ONNX clamps a start before the first element to it, which NumPy does not.
  EXPECT_TENSOR(run(Slice{}, {x, i64s({-9}), i64s({-9}), i64s({0}), i64s({-1})}),
                Tensor::of<float>({1}, {0}));
  EXPECT_TENSOR(run(Slice{}, {x, i64s({4}), i64s({INT64_MAX}), i64s({0}), i64s({-1})}), counting({0}));
  EXPECT_TENSOR(run(Slice{{1}, {}, {}, {}}, {counting({2, 3}), i64s({1}), i64s({2})}),
                Tensor::of<float>({2, 1}, {1, 4}));
  EXPECT_TENSOR(run(Slice{}, {counting({0}), i64s({3}), i64s({-9}), Tensor(), i64s({-1})}), counting({0}));
}
TEST(Slice, Refuses) {
  EXPECT_EQ(error_of(Slice{{0}, {0}, {3}, {0}}, {counting({3})}),
            "slice: a step is 0, expected another number");
  EXPECT_EQ(error_of(Slice{}, {counting({3}), i64s({0}), i64s({3}), i64s({0}), i64s({0})}),
            "slice: a step is 0, expected another number");
  EXPECT_EQ(error_of(Slice{{0}, {0}, {4}, {}}, {counting({3})}),
            "slice: axis 0 goes from 0 to 4 by 1, outside its 3 elements");
  EXPECT_EQ(error_of(Slice{{0}, {-1}, {2}, {}}, {counting({3})}),
            "slice: axis 0 goes from -1 to 2 by 1, outside its 3 elements");
  EXPECT_EQ(error_of(Slice{{0, 0}, {0, 0}, {1, 1}, {}}, {counting({3})}),
            "slice: axis 0 appears twice, expected each axis once");
  EXPECT_EQ(error_of(Slice{{1}, {0}, {1}, {}}, {counting({3})}), "slice: axis 1 is outside rank 1");
  EXPECT_EQ(error_of(Slice{{}, {0}, {1, 2}, {}}, {counting({3})}),
            "slice: 1 starts come with 2 ends, expected as many");
  EXPECT_EQ(error_of(Slice{}, {counting({3}), i64s({0}), i64s({1, 2})}),
            "slice: the end list has 2 elements, expected one for each of 1 starts");
}
TEST(Slice, Symbols) {
  const Dim n = Dim::symbol("N");
  EXPECT_EQ(inferred(Slice{{0}, {1}, {n}, {2}}, {type("f32[N, 3]")}), "f32[floor(N/2), 3]");
  EXPECT_EQ(inferred(Slice{{0}, {n - 1}, {-1}, {-1}}, {type("f32[N]")}), "f32[N]");
  EXPECT_EQ(inferred(Slice{{0}, {0}, {n + 1}, {}}, {type("f32[N]")}),
            "slice: axis 0 goes from 0 to N + 1 by 1, outside its N elements");
  const auto types = Slice{{1}, {}, {}, {}}.infer(Types{type("f32[2, 3]"), type("i64[1]"), type("i64[1]")});
  ASSERT_TRUE(types.ok());
  EXPECT_TRUE((*types)[0].shape[0].is(2) && (*types)[0].shape[1].is_unknown());
}

TEST(Pad, Modes) {
  const Tensor x = counting({4}, 1.f);
  EXPECT_TENSOR(run(Pad{{1, 2}}, {x}), Tensor::of<float>({7}, {0, 1, 2, 3, 4, 0, 0}));
  EXPECT_TENSOR(run(Pad{{1, 2}}, {x, Tensor::scalar(9.f)}), Tensor::of<float>({7}, {9, 1, 2, 3, 4, 9, 9}));
  EXPECT_TENSOR(run(Pad{{3, 2}, PadMode::reflect}, {x}), Tensor::of<float>({9}, {4, 3, 2, 1, 2, 3, 4, 3, 2}));
  EXPECT_TENSOR(run(Pad{{2, 1}, PadMode::edge}, {x}), Tensor::of<float>({7}, {1, 1, 1, 2, 3, 4, 4}));
  EXPECT_TENSOR(run(Pad{{3, 5}, PadMode::wrap}, {x}),
                Tensor::of<float>({12}, {2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1}));
  EXPECT_TENSOR(run(Pad{{7, 7}, PadMode::reflect}, {counting({3})}),  // as numpy.pad
                Tensor::of<float>({17}, {1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1}));
  EXPECT_TENSOR(run(Pad{{1, 1}, PadMode::reflect}, {counting({1}, 5.f)}), Tensor::of<float>({3}, {5, 5, 5}));
}
TEST(Pad, SeveralAxesCropAndTypes) {
  const Tensor x = counting({2, 3});
  EXPECT_TENSOR(run(Pad{{1, -1, 0, 1}}, {x}), Tensor::of<float>({3, 3}, {0, 0, 0, 1, 2, 0, 4, 5, 0}));
  EXPECT_TENSOR(run(Pad{{0, 1, 1, 1}, PadMode::edge}, {x}),
                Tensor::of<float>({3, 5}, {0, 0, 1, 2, 2, 3, 3, 4, 5, 5, 3, 3, 4, 5, 5}));
  EXPECT_TENSOR(run(Pad{{-1, 2}, PadMode::reflect}, {counting({4})}),
                Tensor::of<float>({5}, {1, 2, 3, 2, 1}));
  EXPECT_TENSOR(run(Pad{{0, 0}}, {counting({0})}), counting({0}));
  EXPECT_TENSOR(run(Pad{{1, 0}}, {counting({0})}), counting({1}));
  EXPECT_TENSOR(run(Pad{}, {counting({}), Tensor::scalar(1.f), i64s({})}), counting({}));
  EXPECT_TENSOR(run(Pad{{1, 1}}, {u4s({2}, {3, 4}), u4s({}, {7})}), u4s({4}, {7, 3, 4, 7}));
  EXPECT_TENSOR(run(Pad{{0, 1}}, {Tensor::of_strings({1}, {"a"})}), Tensor::of_strings({2}, {"a", ""}));
  EXPECT_TENSOR(run(Pad{{}, PadMode::edge}, {x, Tensor(), i64s({0, 0, 0, 1})}),
                Tensor::of<float>({2, 4}, {0, 1, 2, 2, 3, 4, 5, 5}));
}
TEST(Pad, Refuses) {
  EXPECT_EQ(error_of(Pad{{1}}, {counting({3})}), "pad: 1 pads are given for rank 1, expected 2");
  EXPECT_EQ(error_of(Pad{{-2, -2}}, {counting({3})}),
            "pad: axis 0 of size 3 is padded by -2 and -2, which crops more than there is");
  EXPECT_EQ(error_of(Pad{{INT64_MIN, 0}}, {counting({3})}),
            "pad: axis 0 of size 3 is padded by -9223372036854775808 and 0, which crops more than there is");
  EXPECT_EQ(error_of(Pad{{1, 0}, PadMode::edge}, {counting({0})}),
            "pad: axis 0 of size 0 is padded by 1 and 0, which leaves nothing to edge");
  EXPECT_EQ(error_of(Pad{{int64_t(1) << 50, 0}}, {counting({3})}),
            "pad: shape [1125899906842627] is too large, expected fewer than 2^48 elements");
  EXPECT_EQ(error_of(Pad{{INT64_MAX, INT64_MAX}}, {counting({3})}),
            "pad: shape [9223372036854775807] is too large, expected fewer than 2^48 elements");
  EXPECT_EQ(error_of(Pad{{1, 1}}, {counting({3}), Tensor::scalar(int64_t(1))}),
            "pad: the value is i64, expected f32 like input 0");
  EXPECT_EQ(inferred(Pad{{1, 2}}, {type("f32[N]")}), "f32[N + 3]");
}

TEST(Tile, Repeats) {
  EXPECT_TENSOR(run(Tile{{2, 2}}, {counting({2, 2})}),
                Tensor::of<float>({4, 4}, {0, 1, 0, 1, 2, 3, 2, 3, 0, 1, 0, 1, 2, 3, 2, 3}));
  EXPECT_TENSOR(run(Tile{{0, 3}}, {counting({2, 2})}), counting({0, 6}));
  EXPECT_TENSOR(run(Tile{}, {counting({3}), i64s({2})}), Tensor::of<float>({6}, {0, 1, 2, 0, 1, 2}));
  EXPECT_TENSOR(run(Tile{}, {counting({})}), counting({}));
  EXPECT_EQ(inferred(Tile{{2, Dim::symbol("M")}}, {type("f32[N, 3]")}), "f32[2*N, 3*M]");
  EXPECT_EQ(error_of(Tile{{-1}}, {counting({2})}), "tile: axis 0 is repeated -1 times, expected at least 0");
  EXPECT_EQ(error_of(Tile{{2}}, {counting({2, 2})}),
            "tile: 1 repeats are given for rank 2, expected one an axis");
  EXPECT_EQ(error_of(Tile{}, {counting({2}), i64s({int64_t(1) << 50})}),
            "tile: shape [2251799813685248] is too large, expected fewer than 2^48 elements");
}

TEST(ReverseSequence, BothLayouts) {
  EXPECT_TENSOR(run(ReverseSequence{}, {counting({3, 2}), i64s({2, 3})}),
                Tensor::of<float>({3, 2}, {2, 5, 0, 3, 4, 1}));
  EXPECT_TENSOR(run(ReverseSequence{0, 1}, {counting({2, 3, 1}), i64s({0, 2})}),
                Tensor::of<float>({2, 3, 1}, {0, 1, 2, 4, 3, 5}));
  EXPECT_EQ(error_of(ReverseSequence{}, {counting({3, 2}), i64s({2, 4})}),
            "reverse_sequence: length 1 is 4, outside the 3 steps of the time axis");
  EXPECT_EQ(error_of(ReverseSequence{}, {counting({3, 2}), i64s({-1, 4})}),
            "reverse_sequence: length 0 is -1, outside the 3 steps of the time axis");
  EXPECT_EQ(error_of(ReverseSequence{1, 1}, {counting({3, 2}), i64s({2, 4})}),
            "reverse_sequence: the batch axis is 1 and the time axis 1, expected 0 and 1 or 1 and 0");
}

TEST(Trilu, Triangles) {
  const Tensor x = counting({3, 3}, 1.f);
  EXPECT_TENSOR(run(Trilu{}, {x}), Tensor::of<float>({3, 3}, {1, 2, 3, 0, 5, 6, 0, 0, 9}));
  EXPECT_TENSOR(run(Trilu{false}, {x}), Tensor::of<float>({3, 3}, {1, 0, 0, 4, 5, 0, 7, 8, 9}));
  EXPECT_TENSOR(run(Trilu{}, {x, Tensor::scalar(int64_t(1))}),
                Tensor::of<float>({3, 3}, {0, 2, 3, 0, 0, 6, 0, 0, 0}));
  EXPECT_TENSOR(run(Trilu{false}, {x, Tensor::scalar(int64_t(-1))}),
                Tensor::of<float>({3, 3}, {0, 0, 0, 4, 0, 0, 7, 8, 0}));
  EXPECT_TENSOR(run(Trilu{}, {x, Tensor::scalar(INT64_MIN)}), x);
  EXPECT_TENSOR(run(Trilu{}, {x, Tensor::scalar(INT64_MAX)}), Tensor(DType::f32, {3, 3}));
  EXPECT_TENSOR(run(Trilu{false}, {counting({2, 1, 3}, 1.f)}),
                Tensor::of<float>({2, 1, 3}, {1, 0, 0, 4, 0, 0}));
  EXPECT_TENSOR(run(Trilu{}, {counting({2, 0, 3})}), counting({2, 0, 3}));
  EXPECT_EQ(error_of(Trilu{}, {counting({3})}), "trilu: input 0 is f32[3], expected rank 2 or more");
}

}  // namespace
}  // namespace rekindle::ops
