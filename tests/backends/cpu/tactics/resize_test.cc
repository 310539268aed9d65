// Resize and cast against their references.
// SPDX-License-Identifier: Apache-2.0
#include "math/resize.h"

#include "math/cast.h"
#include "tactic_test.h"

namespace rekindle::cpu {
namespace {

using ops::ResizeCoordinates;
using ops::ResizeMode;

ops::Resize resize(std::vector<int64_t> axes, std::vector<float> scales, std::vector<Dim> sizes,
                   ResizeMode mode, ResizeCoordinates coordinates) {
  ops::Resize op;
  op.axes = std::move(axes), op.scales = std::move(scales), op.sizes = std::move(sizes);
  op.mode = mode, op.coordinates = coordinates;
  return op;
}

TEST(ResizeTactic, EveryModeAndCoordinates) {
  const Tensor nchw = random_tensor({2, 3, 7, 11}, 1), nhwc = random_tensor({1, 5, 6, 17}, 2);
  for (const ResizeMode mode : {ResizeMode::nearest, ResizeMode::linear, ResizeMode::cubic})
    for (const auto how : {ResizeCoordinates::half_pixel, ResizeCoordinates::half_pixel_symmetric,
                           ResizeCoordinates::pytorch_half_pixel, ResizeCoordinates::align_corners,
                           ResizeCoordinates::asymmetric, ResizeCoordinates::tf_half_pixel_for_nn}) {
      expect_like_reference("cpu.resize", resize({}, {1, 1, 2, 2}, {}, mode, how), {nchw}, 1e-6, 1e-5);
      expect_like_reference("cpu.resize", resize({2, 3}, {}, {3, 29}, mode, how), {nchw}, 1e-6, 1e-5);
      expect_like_reference("cpu.resize", resize({1, -2}, {0.7f, 2.3f}, {}, mode, how), {nhwc}, 1e-6, 1e-5);
      expect_like_reference("cpu.resize", resize({1, 2}, {}, {1, 1}, mode, how), {nhwc}, 1e-6, 1e-5);
    }
}

TEST(ResizeTactic, NearestModesAndElements) {
  for (const auto mode : {ops::NearestMode::round_prefer_floor, ops::NearestMode::round_prefer_ceil,
                          ops::NearestMode::floor, ops::NearestMode::ceil}) {
    auto op = resize({0, 1}, {}, {9, 8}, ResizeMode::nearest, ResizeCoordinates::half_pixel);
    op.nearest_mode = mode;
    for (const DType t : {DType::u8, DType::i64}) {
      Tensor x(t, {5, 4});
      for (int64_t i = 0; i < x.count(); ++i) x.set_double(i, double(i));
      expect_like_reference("cpu.resize", op, {x});
    }
  }
}

TEST(ResizeTactic, AntialiasesAndTakesEmptyTensors) {
  auto op = resize({2, 3}, {}, {3, 5}, ResizeMode::linear, ResizeCoordinates::half_pixel);
  op.antialias = true;
  expect_like_reference("cpu.resize", op, {random_tensor({1, 2, 13, 17}, 3)}, 1e-6, 1e-5);
  expect_like_reference("cpu.resize", op, {random_tensor({0, 2, 13, 17}, 3)});
  expect_like_reference("cpu.resize",
                        resize({}, {1, 1}, {}, ResizeMode::linear, ResizeCoordinates::half_pixel),
                        {random_tensor({3, 5}, 4)});
}

TEST(CastTactic, EveryPairOfTypes) {
  const std::vector<DType> types{DType::f32, DType::f16, DType::bf16,   DType::f64, DType::i64,
                                 DType::i32, DType::i16, DType::i8,     DType::u64, DType::u32,
                                 DType::u16, DType::u8,  DType::boolean};
  for (const DType from : types)
    for (const DType to : types) {
      Tensor x(from, {3, 5});
      for (int64_t i = 0; i < x.count(); ++i) x.set_double(i, double(i - 7) * 37.25);
      expect_like_reference("cpu.cast", ops::Cast{to}, {x});
    }
  expect_like_reference("cpu.cast", ops::Cast{DType::i32}, {random_tensor({100003}, 5, -1e6, 1e6)});
  expect_like_reference("cpu.cast", ops::Cast{DType::i64},
                        {Tensor::of<float>({4}, {NAN, INFINITY, -INFINITY, 1e30f})});
  expect_like_reference("cpu.cast", ops::Cast{DType::f32}, {Tensor(DType::i64, {0, 2})});
}

TEST(CastTactic, RefusesPackedTypes) {
  const auto got = run_op("cpu.cast", ops::Cast{DType::i4}, {random_tensor({2}, 1)}, Isa::baseline, 1);
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.status().message(), "the type i4 is packed");
}

}  // namespace
}  // namespace rekindle::cpu
