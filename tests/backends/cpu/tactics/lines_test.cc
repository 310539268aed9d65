// cpu.top_k and cpu.cumulative against their references.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "math/cumulative.h"
#include "math/selection.h"
#include "tactic_test.h"

namespace rekindle::cpu {
namespace {

ops::TopK top(int64_t k, int64_t axis, bool largest = true) {
  ops::TopK op;
  op.axis = axis, op.largest = largest, op.k = k;
  return op;
}

TEST(TopKTactic, ChoosesInOrder) {
  for (const bool largest : {true, false})
    for (const auto& [dims, axis, k] : std::vector<std::tuple<Dims, int64_t, int64_t>>{{{1}, 0, 1},
                                                                                       {{5}, 0, 0},
                                                                                       {{5}, 0, 5},
                                                                                       {{100003}, -1, 7},
                                                                                       {{3, 1000}, 1, 300},
                                                                                       {{3, 1000}, 1, 999},
                                                                                       {{31, 7, 5}, 0, 4},
                                                                                       {{31, 7, 5}, 1, 7},
                                                                                       {{0, 4}, 1, 2},
                                                                                       {{2, 0}, 1, 0},
                                                                                       {{6, 8400}, 1, 100}}) {
      Tensor x = random_tensor(dims, 1, -9, 9);
      expect_like_reference("cpu.top_k", top(k, axis, largest), {x});
      for (int64_t i = 0; i < x.count(); ++i) x.data<float>()[i] = float(int(x.data<float>()[i]));  // ties
      expect_like_reference("cpu.top_k", top(k, axis, largest), {x});
    }
}

TEST(TopKTactic, OrdersWhatIsNoNumber) {
  const Tensor x = Tensor::of<float>(
      {10}, {0.0f, NAN, -0.0f, INFINITY, -INFINITY, -NAN, 1e-40f, -1e-40f, 0.0f, std::nanf("1")});
  for (const bool largest : {true, false})
    for (const int64_t k : {1, 4, 10}) expect_like_reference("cpu.top_k", top(k, 0, largest), {x});
}

TEST(TopKTactic, RefusesWithReasons) {
  Tensor k(DType::i64, {1});
  k.set_double(0, 2);
  const auto got = run_op("cpu.top_k", ops::TopK{}, {random_tensor({5}, 1), k}, Isa::baseline, 1);
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.status().code(), Code::unsupported);
  const auto wide = run_op("cpu.top_k", top(1, 0), {Tensor(DType::f64, {3})}, Isa::baseline, 1);
  ASSERT_FALSE(wide.ok());
  EXPECT_EQ(wide.status().message(), "the type is f64, needs f32");
}

Tensor numbers(DType dtype, const Dims& dims) {
  Tensor t(dtype, dims);
  for (int64_t i = 0; i < t.count(); ++i) t.set_double(i, double(i * 7919 % 61) - 30);
  return t;
}

TEST(CumulativeTactic, AddsUpAndMultiplies) {
  for (const Dims& dims : {Dims{1}, Dims{0, 3}, Dims{3, 0}, Dims{31, 257}, Dims{5, 7, 11}, Dims{2, 9, 1000}})
    for (int64_t axis = -1; axis < int64_t(dims.size()); ++axis)
      for (const bool exclusive : {false, true})
        for (const bool reverse : {false, true}) {
          ops::Cumulative op{ops::CumulativeOp::sum, axis, exclusive, reverse};
          for (const DType t : {DType::i32, DType::i64})
            expect_like_reference("cpu.cumulative", op, {numbers(t, dims)});
          expect_like_reference("cpu.cumulative", op, {random_tensor(dims, 1)}, 1e-7, 1e-6);
          op.op = ops::CumulativeOp::prod;
          expect_like_reference("cpu.cumulative", op, {random_tensor(dims, 2, 0.5f, 1.5f)}, 1e-7, 1e-6);
        }
  const auto got = run_op("cpu.cumulative", ops::Cumulative{}, {Tensor(DType::f64, {3})}, Isa::baseline, 1);
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.status().message(), "the type is f64, needs f32, i32 or i64");
}

}  // namespace
}  // namespace rekindle::cpu
