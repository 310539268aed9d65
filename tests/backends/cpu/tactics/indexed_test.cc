// cpu.indexed against the references of gather_elements, gather_nd, scatter_elements and scatter_nd.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/indexed.h"

#include "math/gather.h"
#include "tactic_test.h"

namespace rekindle::cpu {
namespace {

Tensor numbered(DType dtype, Dims dims, double first = 0) {
  Tensor t(dtype, std::move(dims));
  for (int64_t i = 0; i < t.count(); ++i) t.set_double(i, first + double(i % 101));
  return t;
}
/// Indices into an axis, negative ones too.
Tensor indices_into(int64_t size, Dims dims, uint32_t seed, DType dtype = DType::i64) {
  Tensor t(dtype, std::move(dims));
  std::mt19937 random(seed);
  for (int64_t i = 0; i < t.count(); ++i)
    t.set_double(i, double(int64_t(random() % uint32_t(2 * size)) - size));
  return t;
}
/// Tuples into the dims.
Tensor tuples_into(const Dims& sizes, Dims dims, uint32_t seed) {
  dims.push_back(int64_t(sizes.size()));
  Tensor t(DType::i64, std::move(dims));
  std::mt19937 random(seed);
  for (int64_t i = 0; i < t.count(); ++i) {
    const int64_t size = sizes[size_t(i) % sizes.size()];
    t.set_double(i, double(int64_t(random() % uint32_t(2 * size)) - size));
  }
  return t;
}

TEST(IndexedTactic, GathersElements) {
  for (const int64_t axis : {0, 1, 2, -1})
    for (const DType t : {DType::u8, DType::f16, DType::f32, DType::i64}) {
      const Tensor x = numbered(t, {5, 7, 11});
      const int64_t size = x.dims()[size_t(axis < 0 ? axis + 3 : axis)];
      expect_like_reference("cpu.indexed", ops::GatherElements{axis}, {x, indices_into(size, {5, 7, 11}, 1)});
      expect_like_reference("cpu.indexed", ops::GatherElements{axis},
                            {x, indices_into(size, {3, 2, 5}, 2, DType::i32)});
      expect_like_reference("cpu.indexed", ops::GatherElements{axis}, {x, indices_into(size, {1, 0, 3}, 3)});
    }
  expect_like_reference("cpu.indexed", ops::GatherElements{0},
                        {random_tensor({9}, 1), indices_into(9, {40000}, 4)});
  expect_like_reference("cpu.indexed", ops::GatherElements{0},
                        {random_tensor({50, 997}, 1), indices_into(50, {31, 997}, 4)});
}

TEST(IndexedTactic, GathersTuples) {
  const Tensor x = numbered(DType::i64, {3, 5, 7, 2});
  expect_like_reference("cpu.indexed", ops::GatherNd{0}, {x, tuples_into({3}, {4}, 1)});
  expect_like_reference("cpu.indexed", ops::GatherNd{0}, {x, tuples_into({3, 5, 7, 2}, {13}, 2)});
  expect_like_reference("cpu.indexed", ops::GatherNd{0}, {x, tuples_into({3, 5}, {2, 3}, 3)});
  expect_like_reference("cpu.indexed", ops::GatherNd{1}, {x, tuples_into({5, 7}, {3, 4}, 4)});
  expect_like_reference("cpu.indexed", ops::GatherNd{2}, {x, tuples_into({7}, {3, 5}, 5)});
  expect_like_reference("cpu.indexed", ops::GatherNd{0}, {x, tuples_into({3, 5}, {0}, 6)});
  expect_like_reference("cpu.indexed", ops::GatherNd{0},
                        {random_tensor({211, 16}, 1), tuples_into({211}, {5000}, 7)});
  expect_like_reference("cpu.indexed", ops::GatherNd{0},
                        {random_tensor({211, 16}, 1), tuples_into({211, 16}, {20011}, 8)});
}

constexpr ops::ScatterReduction kReductions[] = {ops::ScatterReduction::none, ops::ScatterReduction::add,
                                                 ops::ScatterReduction::mul, ops::ScatterReduction::max,
                                                 ops::ScatterReduction::min};

TEST(IndexedTactic, ScattersElements) {
  for (const auto reduction : kReductions)
    for (const DType t : {DType::f32, DType::f64, DType::i32, DType::i64})
      for (const int64_t axis : {0, 1, -1}) {
        const Tensor x = numbered(t, {5, 7, 11});
        const int64_t size = x.dims()[size_t(axis < 0 ? 2 : axis)];
        expect_like_reference("cpu.indexed", ops::ScatterElements{axis, reduction},
                              {x, indices_into(size, {4, 6, 10}, 1), numbered(t, {4, 6, 10}, -50)});
      }
  expect_like_reference("cpu.indexed", ops::ScatterElements{0},
                        {numbered(DType::u8, {9}), indices_into(9, {3}, 2), numbered(DType::u8, {3}, 7)});
  expect_like_reference("cpu.indexed", ops::ScatterElements{0},
                        {random_tensor({4, 3}, 1), indices_into(4, {0, 3}, 2), random_tensor({0, 3}, 1)});
}

TEST(IndexedTactic, ScattersTuples) {
  for (const auto reduction : kReductions)
    for (const DType t : {DType::f32, DType::i64}) {
      const Tensor x = numbered(t, {5, 7, 3});
      expect_like_reference("cpu.indexed", ops::ScatterNd{reduction},
                            {x, tuples_into({5}, {8}, 1), numbered(t, {8, 7, 3}, -40)});
      expect_like_reference("cpu.indexed", ops::ScatterNd{reduction},
                            {x, tuples_into({5, 7, 3}, {2, 9}, 2), numbered(t, {2, 9}, -40)});
    }
  expect_like_reference("cpu.indexed", ops::ScatterNd{},
                        {random_tensor({4, 3}, 1), tuples_into({4}, {0}, 2), random_tensor({0, 3}, 1)});
}

TEST(IndexedTactic, SpreadsNaN) {
  const Tensor x = Tensor::of<float>({3}, {1, NAN, 3});
  const Tensor updates = Tensor::of<float>({3}, {NAN, 2, 5});
  for (const auto reduction : {ops::ScatterReduction::max, ops::ScatterReduction::min})
    expect_like_reference("cpu.indexed", ops::ScatterElements{0, reduction},
                          {x, Tensor::of<int64_t>({3}, {0, 1, 2}), updates});
}

TEST(IndexedTactic, RejectsIndicesOutside) {
  for (const int64_t index : {int64_t(3), int64_t(-4), INT64_MAX, INT64_MIN}) {
    const auto got = run_op("cpu.indexed", ops::GatherElements{0},
                            {random_tensor({3}, 1), Tensor::of<int64_t>({2}, {0, index})}, Isa::baseline, 1);
    ASSERT_FALSE(got.ok());
    EXPECT_EQ(got.status().message(),
              "gather_elements: index " + std::to_string(index) + " is outside an axis of size 3");
    EXPECT_FALSE(run_op("cpu.indexed", ops::ScatterNd{},
                        {random_tensor({3}, 1), Tensor::of<int64_t>({1, 1}, {index}), random_tensor({1}, 1)},
                        Isa::baseline, 1)
                     .ok());
  }
}

TEST(IndexedTactic, RefusesWithReasons) {
  const auto got = run_op("cpu.indexed", ops::ScatterElements{0, ops::ScatterReduction::add},
                          {numbered(DType::u8, {3}), Tensor::of<int64_t>({1}, {0}), numbered(DType::u8, {1})},
                          Isa::baseline, 1);
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.status().message(), "elements of u8 are combined, needs f32, f64, i32 or i64");
}

}  // namespace
}  // namespace rekindle::cpu
