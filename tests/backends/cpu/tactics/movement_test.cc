// copy, slice, expand, transpose, pad and tile against their references.
// SPDX-License-Identifier: Apache-2.0
#include "math/movement.h"

#include "backends/cpu/kernels/copy.h"
#include "math/copy.h"
#include "tactic_test.h"

namespace rekindle::cpu {
namespace {

/// Every byte different from its neighbours, whatever the type.
Tensor numbered(DType dtype, Dims dims) {
  Tensor t(dtype, std::move(dims));
  auto* bytes = static_cast<uint8_t*>(t.raw());
  for (int64_t i = 0; i < t.bytes(); ++i) bytes[i] = uint8_t((i * 2654435761u) >> 7);
  if (dtype == DType::f32)
    for (int64_t i = 0; i < t.count(); ++i) t.set_double(i, double(i));
  return t;
}
Tensor ints(DType dtype, Dims dims) {
  Tensor t(dtype, std::move(dims));
  for (int64_t i = 0; i < t.count(); ++i) t.set_double(i, double(i % 120));
  return t;
}

TEST(CopyTactic, Copies) {
  for (const Dims& dims : {Dims{}, Dims{1}, Dims{0, 3}, Dims{7, 11, 13}, Dims{100003}})
    for (const DType t : {DType::i8, DType::f16, DType::f32, DType::i64})
      expect_like_reference("cpu.copy", ops::Copy{}, {ints(t, dims)});
}

TEST(CopyTactic, TransposesEveryWay) {
  for (const DType t : {DType::u8, DType::f16, DType::f32, DType::i64}) {
    for (const Dims& dims : {Dims{37, 53}, Dims{64, 48}, Dims{1, 5}, Dims{3, 0}})
      expect_like_reference("cpu.copy", ops::Transpose{{1, 0}}, {ints(t, dims)});
    std::vector<int64_t> perm{0, 1, 2, 3};
    do {
      expect_like_reference("cpu.copy", ops::Transpose{perm}, {ints(t, {2, 17, 5, 3})});
      expect_like_reference("cpu.copy", ops::Transpose{perm}, {ints(t, {3, 16, 33, 2})});
    } while (std::next_permutation(perm.begin(), perm.end()));
  }
  expect_like_reference("cpu.copy", ops::Transpose{}, {numbered(DType::f32, {5, 6, 7})});
  expect_like_reference("cpu.copy", ops::Transpose{{1, 0, 2}}, {numbered(DType::c64, {6, 5, 2})});
  expect_like_reference("cpu.copy", ops::Transpose{{0, 3, 1, 2}}, {random_tensor({1, 61, 67, 64}, 1)});
}

TEST(CopyTactic, SlicesWithAnySteps) {
  const Tensor x = random_tensor({7, 11, 13}, 2);
  expect_like_reference("cpu.copy", ops::Slice{{1}, {2}, {9}, {1}}, {x});
  expect_like_reference("cpu.copy", ops::Slice{{-1}, {12}, {-1}, {-1}}, {x});
  expect_like_reference("cpu.copy", ops::Slice{{0, 2}, {6, 1}, {0, 12}, {-2, 3}}, {x});
  expect_like_reference("cpu.copy", ops::Slice{{}, {1, 0, 0}, {2, 11, 1}, {}}, {x});
  expect_like_reference("cpu.copy", ops::Slice{{1}, {4}, {4}, {1}}, {x});
}

TEST(CopyTactic, Expands) {
  expect_like_reference("cpu.copy", ops::Expand{{3, 5, 7}}, {random_tensor({5, 1}, 3)});
  expect_like_reference("cpu.copy", ops::Expand{{4, 1}}, {random_tensor({1, 9}, 3)});
  expect_like_reference("cpu.copy", ops::Expand{{2, 1000}}, {ints(DType::i64, {})});
  expect_like_reference("cpu.copy", ops::Expand{{0, 3}}, {random_tensor({1, 3}, 3)});
}

TEST(CopyTactic, WritesAndReadsStridedMemory) {
  // Columns 2 … 4 of a matrix into rows 1, 3 of another, every level.
  for (const Isa isa : isa_levels()) {
    Tensor from = random_tensor({4, 8}, 4), to(DType::f32, {6, 5});
    ASSERT_TRUE(launch("cpu.copy", to_bytes(CopyParams{}), isa, {TestArg(from).view({4, 3}, {8, 1}, 2)},
                       {TestArg(to).view({4, 3}, {5, 1}, 6)})
                    .ok());
    for (int64_t i = 0; i < 30; ++i) {
      const int64_t row = i / 5 - 1, column = i % 5 - 1;
      const bool inside = row >= 0 && row < 4 && column >= 0 && column < 3;
      EXPECT_EQ(to.as_double(i), inside ? from.as_double(row * 8 + 2 + column) : 0) << i;
    }
  }
}

TEST(PadTactic, PadsAndCropsInEveryMode) {
  const Tensor x = random_tensor({3, 5, 7}, 5), value = Tensor::scalar(2.5f);
  for (const ops::PadMode mode :
       {ops::PadMode::constant, ops::PadMode::reflect, ops::PadMode::edge, ops::PadMode::wrap}) {
    const Tensors in = mode == ops::PadMode::constant ? Tensors{x, value} : Tensors{x};
    expect_like_reference("cpu.pad", ops::Pad{{0, 1, 2, 0, 3, 1}, mode}, in);
    expect_like_reference("cpu.pad", ops::Pad{{1, -1, -2, 2, 2, 1}, mode}, in);
    expect_like_reference("cpu.pad", ops::Pad{{0, 0, 0, 0, 0, 0}, mode}, in);
    expect_like_reference("cpu.pad", ops::Pad{{0, 2, 0, 0, 2, 0}, mode}, in);
    expect_like_reference("cpu.pad", ops::Pad{{0, 0, -7, 0, 0, 0}, mode}, {x});
  }
  expect_like_reference("cpu.pad", ops::Pad{{2, 1}, ops::PadMode::constant}, {ints(DType::i8, {5})});
  expect_like_reference("cpu.pad", ops::Pad{{2, 1}, ops::PadMode::constant},
                        {ints(DType::i64, {0}), Tensor::scalar<int64_t>(9)});
}

TEST(PadTactic, Tiles) {
  expect_like_reference("cpu.tile", ops::Tile{{2, 1, 3}}, {random_tensor({3, 4, 5}, 6)});
  expect_like_reference("cpu.tile", ops::Tile{{2, 3}}, {ints(DType::i64, {5, 1})});
  expect_like_reference("cpu.tile", ops::Tile{{0, 3}}, {ints(DType::i8, {5, 1})});
}

TEST(CopyTactic, RefusesWithReasons) {
  const auto got = run_op("cpu.copy", ops::Expand{}, {random_tensor({1}, 1), Tensor::of<int64_t>({1}, {3})},
                          Isa::baseline, 1);
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.status().code(), Code::unsupported);
}

}  // namespace
}  // namespace rekindle::cpu
