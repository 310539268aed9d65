// Attention and gather against their references.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/attention.h"

#include "math/gather.h"
#include "math/matmul.h"
#include "tactic_test.h"

namespace rekindle::cpu {
namespace {

constexpr double kAtol = 2e-5, kRtol = 1e-4;

Tensors operands(const Dims& batch, int64_t queries, int64_t keys, int64_t depth, int64_t width) {
  const auto with = [&](int64_t rows, int64_t columns, uint32_t seed) {
    Dims dims = batch;
    dims.push_back(rows), dims.push_back(columns);
    return random_tensor(dims, seed, -2, 2);
  };
  return {with(queries, depth, 1), with(keys, depth, 2), with(keys, width, 3)};
}

TEST(AttentionTactic, AnySizes) {
  for (const Dims& batch : {Dims{}, Dims{2, 3}})
    for (const auto& [queries, keys] : {std::pair(1, 1),
                                        {1, 77},
                                        {65, 3},
                                        {67, 131},
                                        {64, 128},
                                        {0, 5},
                                        {5, 0},
                                        {4, 530},
                                        {17, 300},
                                        {259, 270}})
      for (const auto& [depth, width] : {std::pair(1, 1), {7, 5}, {32, 64}, {64, 33}})
        expect_like_reference("cpu.attention", ops::Attention{}, operands(batch, queries, keys, depth, width),
                              kAtol, kRtol);
}

TEST(AttentionTactic, Masks) {
  Tensors in = operands({2, 3}, 37, 70, 16, 16);
  for (const Dims& dims :
       {Dims{37, 70}, Dims{70}, Dims{37, 1}, Dims{2, 1, 1, 70}, Dims{2, 3, 37, 70}, Dims{}}) {
    Tensors with = in;
    with.push_back(random_tensor(dims, 4, -3, 3));
    expect_like_reference("cpu.attention", ops::Attention{0.3f}, with, kAtol, kRtol);
    with[3] = Tensor(DType::boolean, dims);
    for (int64_t i = 0; i < with[3].count(); ++i) with[3].set_double(i, double(i % 3 != 0));
    expect_like_reference("cpu.attention", ops::Attention{}, with, kAtol, kRtol);
  }
}

TEST(AttentionTactic, CausalAndRowsThatSeeNothing) {
  for (const int64_t offset : {-5, 0, 3, 100})
    for (const auto& [queries, keys] : {std::pair(9, 9), {130, 70}, {1, 130}}) {
      ops::Attention op;
      op.causal = true, op.causal_offset = offset;
      expect_like_reference("cpu.attention", op, operands({2}, queries, keys, 8, 24), kAtol, kRtol);
    }
  Tensors in = operands({}, 5, 100, 4, 4);
  in.push_back(Tensor(DType::boolean, {5, 100}));
  in[3].set_double(270, 1);
  expect_like_reference("cpu.attention", ops::Attention{}, in, kAtol, kRtol);
}

TEST(AttentionTactic, BroadcastsBatchesAndReadsStrides) {
  const Tensor q = random_tensor({2, 3, 9, 8}, 1), k = random_tensor({3, 11, 8}, 2),
               v = random_tensor({2, 1, 11, 6}, 3);
  expect_like_reference("cpu.attention", ops::Attention{}, {q, k, v}, kAtol, kRtol);
  // q, k and v side by side in one tensor [1, 9, 3 * 8].
  const Tensor all = random_tensor({9, 24}, 5);
  Tensors parts;
  for (int64_t p = 0; p < 3; ++p) {
    Tensor t(DType::f32, {9, 8});
    for (int64_t i = 0; i < 72; ++i) t.set_double(i, all.as_double(i / 8 * 24 + p * 8 + i % 8));
    parts.push_back(t);
  }
  const auto expected = ops::Attention{}.evaluate(parts);
  for (const Isa isa : isa_levels()) {
    Tensor y(DType::f32, {9, 8});
    std::vector<TestArg> in;
    for (int64_t p = 0; p < 3; ++p) in.push_back(TestArg(all).view({9, 8}, {24, 1}, p * 8));
    ASSERT_TRUE(launch("cpu.attention", to_bytes(AttentionParams{}), isa, in, {y}).ok());
    EXPECT_TRUE(near(y, (*expected)[0], kAtol, kRtol));
  }
}

TEST(GatherTactic, AnyAxisAndElement) {
  Tensor x = random_tensor({5, 7, 3}, 6);
  const Tensor indices = Tensor::of<int64_t>({2, 3}, {0, -1, 2, 1, 1, -3});
  for (const int64_t axis : {0, 1, 2, -1})
    expect_like_reference("cpu.gather", ops::Gather{axis}, {x, indices});
  expect_like_reference("cpu.gather", ops::Gather{1}, {x, Tensor::scalar<int32_t>(-7)});
  expect_like_reference("cpu.gather", ops::Gather{0}, {x, Tensor(DType::i64, {0})});
  expect_like_reference("cpu.gather", ops::Gather{0},
                        {Tensor::of<int8_t>({3}, {1, 2, 3}), Tensor::of<int32_t>({2}, {2, 0})});
  expect_like_reference("cpu.gather", ops::Gather{0},
                        {random_tensor({1000, 257}, 7), Tensor::of<int64_t>({5}, {999, 0, -1000, 3, 3})});
}

TEST(GatherTactic, IndicesOutsideAreErrors) {
  for (const int64_t index : {int64_t(5), int64_t(-6), INT64_MIN, INT64_MAX}) {
    const auto got = run_op("cpu.gather", ops::Gather{0},
                            {random_tensor({5}, 1), Tensor::of<int64_t>({1}, {index})}, Isa::baseline, 1);
    ASSERT_FALSE(got.ok());
    EXPECT_NE(got.status().message().find("is outside an axis of size 5"), std::string::npos)
        << got.status().message();
  }
}

}  // namespace
}  // namespace rekindle::cpu
