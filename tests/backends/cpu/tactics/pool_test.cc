// Max pools with indices and max_unpool against their references.
// SPDX-License-Identifier: Apache-2.0
#include "math/pool.h"

#include <cmath>

#include "tactic_test.h"

namespace rekindle::cpu {
namespace {

ops::MaxPool pool(std::vector<int64_t> kernel, std::vector<int64_t> strides, std::vector<int64_t> pads = {},
                  std::vector<int64_t> dilations = {}) {
  ops::MaxPool op;
  op.kernel = std::move(kernel), op.strides = std::move(strides), op.pads = std::move(pads);
  op.dilations = std::move(dilations);
  op.layout = ops::Layout::nhwc, op.with_indices = true;
  return op;
}

TEST(PoolTactic, TellsWhereTheLargestIs) {
  Tensor x = random_tensor({2, 11, 13, 19}, 1);
  for (int64_t i = 0; i < x.count(); i += 3) x.data<float>()[i] = 0.25f;  // ties
  for (int64_t i = 5; i < x.count(); i += 101) x.data<float>()[i] = NAN;
  expect_like_reference("cpu.pool", pool({2, 2}, {2, 2}), {x});
  expect_like_reference("cpu.pool", pool({3, 3}, {2, 1}, {1, 1, 1, 1}), {x});
  expect_like_reference("cpu.pool", pool({2, 3}, {1, 2}, {1, 2, 0, 1}, {3, 2}), {x});
  expect_like_reference("cpu.pool", pool({11, 13}, {1, 1}), {x});
  expect_like_reference("cpu.pool", pool({3}, {2}, {1, 1}), {random_tensor({3, 17, 1}, 2)});
  expect_like_reference("cpu.pool", pool({2, 2}, {2, 2}), {random_tensor({0, 4, 4, 3}, 2)});
  expect_like_reference("cpu.pool", pool({2, 2}, {2, 2}), {random_tensor({1, 4, 4, 0}, 2)});
  Tensor lowest(DType::f32, {1, 4, 4, 17});
  for (int64_t i = 0; i < lowest.count(); ++i) lowest.data<float>()[i] = -INFINITY;
  expect_like_reference("cpu.pool", pool({2, 2}, {2, 2}), {lowest});
}

TEST(PoolTactic, LeavesColumnMajorIndicesToTheReference) {
  ops::MaxPool op = pool({2, 2}, {2, 2});
  op.storage_order = 1;
  const auto got = run_op("cpu.pool", op, {random_tensor({1, 4, 4, 3}, 1)}, Isa::baseline, 1);
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.status().message(), "indices are wanted in column-major order");
}

/// Pools x, then puts the largest elements back.
void expect_undone(ops::MaxPool op, const Tensor& x, ops::Layout layout) {
  op.layout = layout;
  const auto pooled = op.evaluate(Tensors{x});
  ASSERT_TRUE(pooled.ok()) << pooled.status().message();
  expect_like_reference("cpu.max_unpool", ops::MaxUnpool{op.kernel, op.strides, op.pads, layout}, *pooled);
}

TEST(MaxUnpoolTactic, PutsElementsBack) {
  expect_undone(pool({2, 2}, {2, 2}), random_tensor({2, 10, 14, 33}, 3), ops::Layout::nhwc);
  expect_undone(pool({2, 2}, {2, 2}), random_tensor({2, 5, 10, 14}, 3), ops::Layout::nchw);
  expect_undone(pool({3, 3}, {3, 3}, {0, 0, 0, 0}), random_tensor({1, 63, 66, 48}, 3), ops::Layout::nhwc);
  // Windows that overlap or are padded put elements into rows that are not theirs alone.
  expect_undone(pool({3, 3}, {2, 2}), random_tensor({1, 9, 11, 20}, 4), ops::Layout::nhwc);
  expect_undone(pool({3, 3}, {2, 2}), random_tensor({2, 3, 9, 11}, 4), ops::Layout::nchw);
  expect_undone(pool({2, 2}, {2, 2}, {1, 1, 1, 1}), random_tensor({1, 8, 8, 5}, 4), ops::Layout::nhwc);
  expect_undone(pool({2}, {2}), random_tensor({3, 4, 12}, 5), ops::Layout::nchw);
  expect_undone(pool({2}, {2}), random_tensor({3, 12, 4}, 5), ops::Layout::nhwc);
}

TEST(MaxUnpoolTactic, ObeysIndicesOfOtherPlanesAndRows) {
  const Tensor x = random_tensor({2, 2, 3, 3}, 6);
  Tensor indices(DType::i64, {2, 2, 3, 3});
  std::mt19937 random(7);
  for (int64_t i = 0; i < 36; ++i) indices.data<int64_t>()[i] = random() % 144;
  for (const auto layout : {ops::Layout::nchw, ops::Layout::nhwc}) {
    const ops::MaxUnpool op{{2, 2}, {2, 2}, {}, layout};
    if (layout == ops::Layout::nchw) expect_like_reference("cpu.max_unpool", op, {x, indices});
    const Dims last{2, 3, 3, 2};
    Tensor x_last(DType::f32, last), indices_last(DType::i64, last);
    std::memcpy(x_last.raw(), x.raw(), size_t(x.bytes()));
    std::memcpy(indices_last.raw(), indices.raw(), size_t(indices.bytes()));
    if (layout == ops::Layout::nhwc) expect_like_reference("cpu.max_unpool", op, {x_last, indices_last});
  }
}

TEST(MaxUnpoolTactic, RejectsIndicesOutsideTheOutput) {
  for (const int64_t index : {int64_t(-1), int64_t(16), INT64_MAX, INT64_MIN}) {
    Tensor indices(DType::i64, {1, 1, 2, 2});
    indices.data<int64_t>()[2] = index;
    const auto got = run_op("cpu.max_unpool", ops::MaxUnpool{{2, 2}, {2, 2}, {}},
                            {random_tensor({1, 1, 2, 2}, 8), indices}, Isa::baseline, 1);
    ASSERT_FALSE(got.ok());
    EXPECT_EQ(got.status().message(),
              "max_unpool: index " + std::to_string(index) + " is outside the 16 elements of the output");
  }
}

}  // namespace
}  // namespace rekindle::cpu
