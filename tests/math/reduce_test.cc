// Reductions over every set of axes against a fold index by index, long sums, and types with run-time axes.
// SPDX-License-Identifier: Apache-2.0
#include "math/reduce.h"

#include <regex>

#include "math/norm.h"
#include "math/resize.h"
#include "run_op.h"

namespace rekindle::ops {
namespace {

using namespace rekindle::test;

/// Inferred types with every unknown dim as "?", without its number.
template <class Op> std::string inferred(const Op& op, const Types& in) {
  return std::regex_replace(test::inferred(op, in), std::regex("\\?[0-9]+"), "?");
}

TEST(Reduce, EverySetOfAxes) {
  const Dims dims{2, 1, 3, 4, 2};
  const Tensor x = counting<int64_t>(dims, 1);
  const Dims strides = contiguous_strides(dims);
  for (int set = 1; set < 32; ++set) {
    Reduce op;
    Dims kept = dims;
    for (size_t a = 0; a < 5; ++a)
      if (set >> a & 1) op.axes.push_back(int64_t(a)), kept[a] = 1;
    Tensor wanted(DType::i64, kept);
    const Dims to = contiguous_strides(kept);
    for (int64_t i = 0; i < x.count(); ++i) {
      int64_t at = 0;
      for (size_t a = 0; a < 5; ++a)
        if (kept[a] > 1) at += i / strides[a] % dims[a] * to[a];
      wanted.data<int64_t>()[at] += x.data<int64_t>()[i];
    }
    EXPECT_TENSOR(run(op, {x}), wanted);
    EXPECT_TENSOR(run(Reduce{}, {x, i64s(op.axes)}), wanted);
  }
}

TEST(Reduce, LongSumsStayExact) {
  Tensor x(DType::f32, {1 << 24});
  for (int64_t i = 0; i < x.count(); ++i) x.data<float>()[i] = 1;
  x.data<float>()[0] = 3;  // 2^24 + 2; a float accumulator stops at 2^24
  EXPECT_EQ(run(Reduce{}, {x}).as_double(0), double((1 << 24) + 2));
}

TEST(Reduce, Symbols) {
  EXPECT_EQ(inferred(Reduce{ReduceOp::mean, {-1}}, {type("f32[N, S, 768]")}), "f32[N, S, 1]");
  EXPECT_EQ(inferred(Reduce{ReduceOp::mean, {0, 2}, false}, {type("f32[N, S, 768]")}), "f32[S]");
  EXPECT_EQ(inferred(Reduce{ReduceOp::max, {}, false}, {type("f32[N, S]")}), "f32[]");
  EXPECT_EQ(inferred(Reduce{}, {type("f32[N, S]"), type("i64[K]")}), "f32[?, ?]");
  EXPECT_EQ(inferred(Reduce{ReduceOp::sum, {}, false}, {type("f32[N, S, T]"), type("i64[2]")}), "f32[?]");
  EXPECT_EQ(inferred(ArgReduce{ArgReduceOp::max, 1, false}, {type("f32[N, C, H]")}), "i64[N, H]");
}

TEST(Norm, Symbols) {
  EXPECT_EQ(inferred(LayerNorm{}, {type("f32[B, S, 768]"), type("f32[768]"), type("f32[768]")}),
            "f32[B, S, 768]");
  EXPECT_EQ(inferred(LayerNorm{1}, {type("f32[B, S, D]"), type("f32[S, D]")}), "f32[B, S, D]");
  EXPECT_EQ(inferred(GroupNorm{32}, {type("f16[B, C, H, W]"), type("f32[C]"), type("f32[C]")}),
            "f16[B, C, H, W]");
}

TEST(Norm, LargeMeansDoNotCancel) {  // the variance of numbers around 10000 that differ by 1
  const Tensor y = run(LayerNorm{-1, 0}, {Tensor::of<float>({4}, {10000, 10001, 10000, 10001})});
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(y.as_double(i), i % 2 ? 1 : -1, 1e-6);
}

TEST(Resize, Symbols) {
  Resize twice{{2, 3}, {2, 2}};
  EXPECT_EQ(inferred(twice, {type("f32[N, C, H, W]")}), "f32[N, C, 2*H, 2*W]");
  EXPECT_EQ(inferred(Resize{{2}, {0.5F}}, {type("f32[N, C, H]")}), "f32[N, C, floor(H/2)]");
  EXPECT_EQ(inferred(Resize{{2}, {1.8571428F}}, {type("f32[N, C, H]")}), "f32[N, C, H + floor(6*H/7)]");
  EXPECT_EQ(inferred(Resize{{0}, {0.7071068F}}, {type("f32[H]")}), "f32[?]");  // no fraction that is short
  EXPECT_EQ(inferred(Resize{{0, 1}, {}, {Dim::symbol("H"), 7}}, {type("f32[A, 3]")}), "f32[H, 7]");
  Resize kept{{0, 1}, {}, {Dim::symbol("H"), 7}};
  kept.keep_aspect_ratio = AspectRatio::not_larger;
  EXPECT_EQ(inferred(kept, {type("f32[A, 3]")}), "f32[?, ?]");
  EXPECT_EQ(inferred(Resize{{1}}, {type("f32[A, 3]"), absent_type(), type("f32[1]")}), "f32[A, ?]");
}

TEST(Resize, SizesNothingCanHold) {
  Resize huge{{0}, {}, {Dim(int64_t(1) << 47)}};
  EXPECT_NE(error_of(huge, {counting({4})}), "");
  huge.axes = {1};
  EXPECT_EQ(run(huge, {Tensor(DType::f32, {0, 4})}).dims(), (Dims{0, int64_t(1) << 47}));  // nothing to make
  // Down along one axis and up along the other: nothing between may be as large as both.
  const Resize turned{{0, 1}, {}, {1, 1 << 20}};
  EXPECT_EQ(run(turned, {Tensor(DType::f32, {1 << 20, 1})}).count(), 1 << 20);
}

}  // namespace
}  // namespace rekindle::ops
