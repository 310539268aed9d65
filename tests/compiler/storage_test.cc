// Index maps and concatenations: which of them are steps, and that those which are none still give the
// reference's results. SPDX-License-Identifier: Apache-2.0
#include "compiler/compiled_text.h"
#include "compiler/strides.h"

namespace rekindle {
namespace {

using test::expect_steps;

const Dim N = Dim::symbol("N"), S = Dim::symbol("S");

TEST(Strides, ReshapeSplitsADimOfAStridedView) {
  // [N, S, 768] with rows of 2304: what a slice of three merged projections is.
  const auto made = reshaped({N, S, 768}, {S * 2304, 2304, 1}, {N, S, 12, 64});
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(*made, (Strides{S * 2304, 2304, 64, 1}));
}

TEST(Strides, ReshapeMergesOnlyWhatFollowsOneAnother) {
  EXPECT_EQ(reshaped({2, 3, 4}, {24, 8, 2}, {6, 4}), (Strides{8, 2}));
  EXPECT_FALSE(reshaped({2, 3, 4}, {40, 8, 2}, {6, 4}).has_value());
  EXPECT_FALSE(reshaped({N, 3, S}, {S, S * N, 1}, {N * 3, S}).has_value());
}

TEST(Strides, OnesMayComeAndGoAnywhere) {
  EXPECT_EQ(reshaped({2, 1, 3}, {8, 999, 1}, {1, 2, 3, 1}), (Strides{16, 8, 1, 1}));
  EXPECT_EQ(reshaped({1, 1}, {5, 7}, {}), Strides{});
  EXPECT_TRUE(is_contiguous({1, 2, 3}, {999, 3, 1}));
  EXPECT_FALSE(is_contiguous({2, 2, 3}, {999, 3, 1}));
}

TEST(Strides, ReshapeOfAContiguousShapeIsContiguous) {
  const Shape from{N, 6, S, 4}, to{N, 2, 3, S * 4};
  EXPECT_EQ(reshaped(from, contiguous_strides(from), to), contiguous_strides(to));
}

TEST(Strides, PermutationsAndTheirInverses) {
  EXPECT_EQ(permuted({100, 10, 1}, {1, 2, 0}), (Strides{10, 1, 100}));
  EXPECT_EQ(permuted({100, 10, 1}, {}), (Strides{1, 10, 100}));
  EXPECT_EQ(inverse_permutation({1, 2, 0}, 3), (std::vector<int64_t>{2, 0, 1}));
}

TEST(Storage, HeadsAreStridesOfAttention) {
  expect_steps(R"(
graph @main (%q: f32[N, S, 24], %k: f32[N, S, 24], %v: f32[N, S, 24], %w: f32[24, 24]) {
  %q2 = matmul(%q, %w)
  %k2 = matmul(%k, %w)
  %v2 = matmul(%v, %w)
  %qh = reshape(%q2) {shape=[N, S, 4, 6]}
  %kh = reshape(%k2) {shape=[N, S, 4, 6]}
  %vh = reshape(%v2) {shape=[N, S, 4, 6]}
  %qt = transpose(%qh) {perm=[0, 2, 1, 3]}
  %kt = transpose(%kh) {perm=[0, 2, 1, 3]}
  %vt = transpose(%vh) {perm=[0, 2, 1, 3]}
  %a = attention(%qt, %kt, %vt)
  %at = transpose(%a) {perm=[0, 2, 1, 3]}
  %ar = reshape(%at) {shape=[N, S, 24]}
  %y = matmul(%ar, %w)
  return %y
})",
               {"matmul", "matmul", "matmul", "attention", "matmul"},
               {{{"N", 1}, {"S", 1}}, {{"N", 2}, {"S", 7}}, {{"N", 1}, {"S", 130}}});
}

TEST(Storage, ConcatenationOfIntegersIsMadeInPlace) {
  expect_steps(R"(
graph @main (%x: i64[N, 3], %y: i64[N, 2]) {
  %t = concat(%x, %y) {axis=1}
  %u = concat(%t, %x) {axis=1}
  return %u
})",
               {"copy", "copy", "copy"}, {{{"N", 1}}, {{"N", 5}}, {{"N", 0}}});
}

TEST(Storage, PartsAreWrittenThroughReshapeAndTranspose) {
  // The head of a detector: [N, H, W, A·C] becomes [N, A·H·W, C], after others of its kind.
  expect_steps(R"(
graph @main (%x: f32[N, 4, 5, 6], %y: f32[N, 2, 3, 6]) {
  %ex = exp(%x)
  %rx = reshape(%ex) {shape=[N, 4, 5, 2, 3]}
  %tx = transpose(%rx) {perm=[0, 3, 1, 2, 4]}
  %fx = reshape(%tx) {shape=[N, 40, 3]}
  %ry = reshape(%y) {shape=[N, 2, 3, 2, 3]}
  %ey = exp(%ry)
  %ty = transpose(%ey) {perm=[0, 3, 1, 2, 4]}
  %fy = reshape(%ty) {shape=[N, 12, 3]}
  %z = concat(%fx, %fy) {axis=1}
  return %z
})",
               // The first exp makes rows of 6, which the transpose takes apart; the second makes rows of 3.
               {"exp", "transpose", "exp"}, {{{"N", 1}}, {{"N", 3}}});
}

TEST(Storage, PadsTilesAndNearestNeighboursWriteIntoAConcatenation) {
  expect_steps(R"(
graph @main (%x: f32[N, 2, 3, 4], %y: f32[N, 2, 1, 4]) {
  %e = exp(%x)
  %r = resize(%e) {axes=[1, 2], scales=[2, 2], mode=nearest, coordinates=asymmetric, nearest_mode=floor}
  %p = pad(%e) {pads=[0, 1, 3, 0, 0, 1, 0, 0]}
  %t = tile(%y) {repeats=[1, 2, 6, 1]}
  %z = concat(%r, %p, %t) {axis=3}
  return %z
})",
               {"exp", "resize", "pad", "tile"}, {{{"N", 1}}, {{"N", 3}}});
}

TEST(Storage, SlicesOfOneValueAreViews) {
  expect_steps(R"(
graph @main (%x: f32[N, 6]) {
  %e = exp(%x)
  %a = slice(%e) {axes=[1], starts=[0], ends=[2], steps=[1]}
  %b = slice(%e) {axes=[1], starts=[2], ends=[6], steps=[1]}
  %c = slice(%e) {axes=[0], starts=[0], ends=[N], steps=[2]}
  %s = reduce(%c) {op=sum, axes=[1]}
  %ra = relu(%a)
  %rb = relu(%b)
  %y = concat(%rb, %ra) {axis=1}
  return %y, %s
})",
               {"exp", "reduce", "relu", "relu"}, {{{"N", 1}}, {{"N", 5}}});
}

TEST(Storage, AnOutputIsNoView) {
  expect_steps(R"(
graph @main (%x: f32[4, 6]) {
  %e = exp(%x)
  %a = slice(%e) {axes=[1], starts=[0], ends=[2], steps=[1]}
  %t = transpose(%x) {perm=[1, 0]}
  return %a, %t, %e
})",
               {"exp", "slice", "transpose"});
}

TEST(Storage, AValueOfTwoConcatenationsIsCopiedIntoOne) {
  expect_steps(R"(
graph @main (%x: f32[N, 3], %y: f32[N, 2]) {
  %e = exp(%x)
  %f = exp(%y)
  %a = concat(%e, %f) {axis=1}
  %b = concat(%f, %e) {axis=1}
  return %a, %b
})",
               {"exp", "exp", "copy", "copy"}, {{{"N", 1}}, {{"N", 4}}});
}

}  // namespace
}  // namespace rekindle
