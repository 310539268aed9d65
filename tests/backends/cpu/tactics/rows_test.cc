// Softmax, normalisations and reductions against their references, alone and with what surrounds them.
// SPDX-License-Identifier: Apache-2.0
#include "ir/op.h"
#include "math/elementwise.h"
#include "math/norm.h"
#include "math/reduce.h"
#include "math/softmax.h"
#include "tactic_test.h"

namespace rekindle::cpu {
namespace {

constexpr double kAtol = 1e-5, kRtol = 1e-5;

const std::vector<Dims> kShapes{{1},     {7},     {3, 0},      {0, 3},        {2, 1},
                                {5, 17}, {3, 64}, {2, 3, 131}, {2, 5, 7, 11}, {1, 2048}};

TEST(RowsTactic, Softmax) {
  for (const Dims& dims : kShapes)
    for (int64_t axis = 0; axis < int64_t(dims.size()); ++axis) {
      expect_like_reference("cpu.rows", ops::Softmax{axis}, {random_tensor(dims, 1, -9, 9)}, 1e-7, kRtol);
      expect_like_reference("cpu.rows", ops::LogSoftmax{axis - int64_t(dims.size())},
                            {random_tensor(dims, 2, -9, 9)}, kAtol, kRtol);
    }
}

TEST(RowsTactic, SoftmaxOfManyColumns) {
  const std::pair<Dims, int64_t> cases[] = {
      {{3, 17, 8}, 1}, {{2, 5, 1033}, 1}, {{33, 2100}, 0}, {{2, 2, 3000, 9}, 2}, {{1, 4000, 16}, 1}};
  for (const auto& [dims, axis] : cases) {
    expect_like_reference("cpu.rows", ops::Softmax{axis}, {random_tensor(dims, 1, -9, 9)}, 1e-7, kRtol);
    expect_like_reference("cpu.rows", ops::LogSoftmax{axis}, {random_tensor(dims, 2, -9, 9)}, kAtol, kRtol);
  }
  Tensor x = random_tensor({3, 16}, 3);
  x.data<float>()[0] = NAN, x.data<float>()[17] = INFINITY, x.data<float>()[35] = -INFINITY;
  for (const int64_t i : {4, 20, 36}) x.data<float>()[i] = -INFINITY;
  expect_like_reference("cpu.rows", ops::Softmax{0}, {x}, 1e-7, kRtol);
}

TEST(RowsTactic, SoftmaxOfInfinitiesAndNaN) {
  const float inf = INFINITY;
  const Tensor x = Tensor::of<float>({4, 3}, {-inf, 0, 1, -inf, -inf, -inf, NAN, 0, 1, 1000, 1000, -1000});
  expect_like_reference("cpu.rows", ops::Softmax{}, {x}, 1e-7, kRtol);
}

TEST(RowsTactic, Norms) {
  for (const Dims& dims : kShapes) {
    const Tensor x = random_tensor(dims, 3, -2, 3);
    const Dims last{dims.back()};
    const Tensor scale = random_tensor(last, 4), bias = random_tensor(last, 5);
    expect_like_reference("cpu.rows", ops::LayerNorm{}, {x, scale, bias}, 5e-5, kRtol);
    expect_like_reference("cpu.rows", ops::LayerNorm{}, {x}, 5e-5, kRtol);
    expect_like_reference("cpu.rows", ops::LayerNorm{}, {x, Tensor(), bias}, 5e-5, kRtol);
    expect_like_reference("cpu.rows", ops::RmsNorm{}, {x, scale}, kAtol, kRtol);
    for (const int64_t p : {1, 2})
      expect_like_reference("cpu.rows", ops::LpNormalize{0, p}, {x}, kAtol, kRtol);
  }
  expect_like_reference("cpu.rows", ops::LayerNorm{1},
                        {random_tensor({3, 4, 5}, 1), random_tensor({4, 5}, 2), random_tensor({5}, 3)}, 5e-5,
                        kRtol);
  expect_like_reference("cpu.rows", ops::MeanVarianceNormalize{}, {random_tensor({2, 3, 5, 7}, 6)}, 5e-5,
                        kRtol);
  expect_like_reference("cpu.rows", ops::LpNormalize{1, 2}, {Tensor(DType::f32, {3, 5})});
}

TEST(RowsTactic, GroupAndInstanceNorm) {
  const Tensor x = random_tensor({2, 6, 5, 7}, 7, -1, 4), scale = random_tensor({6}, 8),
               bias = random_tensor({6}, 9);
  for (const int64_t groups : {1, 2, 3, 6}) {
    expect_like_reference("cpu.rows", ops::GroupNorm{groups}, {x, scale, bias}, 5e-5, kRtol);
    expect_like_reference("cpu.rows", ops::GroupNorm{groups}, {x}, 5e-5, kRtol);
  }
  expect_like_reference("cpu.rows", ops::InstanceNorm{}, {x, scale, bias}, 5e-5, kRtol);
  expect_like_reference("cpu.rows", ops::InstanceNorm{},
                        {random_tensor({1, 1, 3}, 1), random_tensor({1}, 2), random_tensor({1}, 3)}, 5e-5,
                        kRtol);
}

const std::vector<ops::ReduceOp> kFolds{ops::ReduceOp::sum, ops::ReduceOp::mean,      ops::ReduceOp::max,
                                        ops::ReduceOp::min, ops::ReduceOp::prod,      ops::ReduceOp::l1,
                                        ops::ReduceOp::l2,  ops::ReduceOp::sum_square};

TEST(ReduceTactic, FoldsAnyAxes) {
  for (const ops::ReduceOp op : kFolds)
    for (const bool keepdims : {true, false}) {
      const Tensor x = random_tensor({3, 5, 4, 17}, 10);
      for (int mask = 0; mask < 16; ++mask) {
        std::vector<int64_t> axes;
        for (int a = 0; a < 4; ++a)
          if (mask >> a & 1) axes.push_back(a % 2 ? a : a - 4);
        expect_like_reference("cpu.reduce", ops::Reduce{op, axes, keepdims}, {x}, 1e-4, kRtol);
      }
      for (const Dims& dims : kShapes)
        for (int64_t axis = 0; axis < int64_t(dims.size()); ++axis)
          expect_like_reference("cpu.reduce", ops::Reduce{op, {axis}, keepdims}, {random_tensor(dims, 11)},
                                1e-4, kRtol);
    }
  expect_like_reference("cpu.reduce", ops::Reduce{}, {Tensor::scalar(3.5f)});
  for (const bool keepdims : {true, false})  // few elements for each of many results
    for (const auto& [dims, axes] : std::vector<std::pair<Dims, std::vector<int64_t>>>{
             {{3, 5, 33, 2}, {3}}, {{2, 33, 2, 3}, {2, 3}}, {{2, 9, 4}, {0, 2}}, {{300, 101, 3}, {2}}})
      expect_like_reference("cpu.reduce", ops::Reduce{ops::ReduceOp::sum, axes, keepdims},
                            {random_tensor(dims, 12)}, 1e-5, kRtol);
  expect_like_reference("cpu.reduce", ops::Reduce{ops::ReduceOp::log_sum, {1}},
                        {random_tensor({3, 9}, 1, 1, 2)}, 1e-5, 1e-5);
}

TEST(ReduceTactic, GlobalMeanOfImages) {
  expect_like_reference("cpu.reduce", ops::Reduce{ops::ReduceOp::mean, {1, 2}},
                        {random_tensor({2, 113, 97, 24}, 12)}, 1e-6, 1e-5);
  expect_like_reference("cpu.reduce", ops::Reduce{ops::ReduceOp::mean, {2, 3}},
                        {random_tensor({2, 5, 113, 97}, 13)}, 1e-6, 1e-5);
}

TEST(ReduceTactic, NaNSpreads) {
  Tensor x = random_tensor({3, 100}, 14);
  x.set_double(150, NAN);
  for (const ops::ReduceOp op : {ops::ReduceOp::max, ops::ReduceOp::min})
    for (const int64_t axis : {0, 1}) expect_like_reference("cpu.reduce", ops::Reduce{op, {axis}}, {x});
}

/// relu(anchor(x + y) * z), by hand and by the tactic.
template <class T> void expect_surrounded(const std::string& tactic, const T& op, const Dims& dims) {
  const Tensor x = random_tensor(dims, 20), y = random_tensor({dims.back()}, 21);
  const auto sum = ops::Add{};
  Graph body;
  const ValueId a = body.add_input("a", x.type()), b = body.add_input("b", y.type());
  const ValueId s = *body.add1(sum, {a, b});
  const ValueId r = *body.add1(op, {s});
  const NodeId anchor = body[r].producer;
  const auto result_dims = eval(body[r].type.shape, {});
  const Tensor z = random_tensor(*result_dims, 22);
  const ValueId c = body.add_input("c", z.type());
  const ValueId m = *body.add1(ops::Mul{}, {r, c});
  const ValueId out = *body.add1(ops::Relu{}, {m});
  body.set_outputs({out});
  const auto expected = interpret(body, Tensors{x, y, z});
  ASSERT_TRUE(expected.ok()) << expected.status().message();
  for (const Isa isa : isa_levels())
    for (const int threads : {1, 3}) {
      const auto got = run_region(tactic, body, anchor, {x, y, z}, isa, threads);
      ASSERT_TRUE(got.ok()) << got.status().message();
      EXPECT_TRUE(near((*got)[0], (*expected)[0], 1e-4, 1e-4)) << tactic << to_string(dims) << enum_name(isa);
    }
}

TEST(RowsTactic, HeadsAndTails) {
  for (const Dims& dims : {Dims{5, 17}, Dims{2, 3, 64}, Dims{2, 5, 7, 13}, Dims{40, 300}, Dims{3, 17, 2}}) {
    expect_surrounded("cpu.rows", ops::Softmax{}, dims);
    expect_surrounded("cpu.rows", ops::Softmax{0}, dims);
    expect_surrounded("cpu.rows", ops::LayerNorm{}, dims);
    for (const bool keepdims : {true, false})
      for (int64_t axis = 0; axis < int64_t(dims.size()); ++axis)
        expect_surrounded("cpu.reduce", ops::Reduce{ops::ReduceOp::mean, {axis}, keepdims}, dims);
    expect_surrounded("cpu.reduce", ops::Reduce{ops::ReduceOp::sum}, dims);
  }
}

TEST(RowsTactic, RefusesWithReasons) {
  const auto half = run_op("cpu.rows", ops::Softmax{}, {Tensor(DType::f16, {2, 2})}, Isa::baseline, 1);
  ASSERT_FALSE(half.ok());
  EXPECT_EQ(half.status().message(), "the type is f16, needs f32");
  const auto other = run_op("cpu.reduce", ops::Reduce{ops::ReduceOp::log_sum_exp}, {random_tensor({2}, 1)},
                            Isa::baseline, 1);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.status().code(), Code::unsupported);
}

}  // namespace
}  // namespace rekindle::cpu
