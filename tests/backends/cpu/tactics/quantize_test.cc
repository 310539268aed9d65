// cpu.quantize against the references of quantize_linear and dequantize_linear.
// SPDX-License-Identifier: Apache-2.0
#include "math/quantize.h"

#include <cmath>

#include "tactic_test.h"

namespace rekindle::cpu {
namespace {

constexpr DType kSmall[] = {DType::i8, DType::u8, DType::i16, DType::u16};

Tensor zero_points(DType dtype, Dims dims) {
  Tensor t(dtype, std::move(dims));
  const double step = is_signed_int(dtype) ? -7 : 7;
  for (int64_t i = 0; i < t.count(); ++i) t.set_double(i, step * double(i % 11 + 1));
  return t;
}

const std::vector<std::pair<Dims, int64_t>>& shapes() {  // and the axis of the scales
  static const std::vector<std::pair<Dims, int64_t>> list = {
      {{}, 0},         {{1}, 0},         {{0, 3}, 1},  {{7, 13}, 1},    {{7, 13}, 0},
      {{2, 5, 31}, 1}, {{2, 5, 31}, -1}, {{50021}, 0}, {{3, 40000}, 0}, {{2, 3, 1}, 1}};
  return list;
}

TEST(QuantizeTactic, QuantizesAndComesBack) {
  for (const DType t : kSmall)
    for (const auto& [dims, axis] : shapes()) {
      Tensor x = random_tensor(dims, 1, -40, 40);
      for (int64_t i = 0; i < x.count(); i += 5) x.data<float>()[i] = float(i % 64) * 0.125f;  // ties
      const int64_t along = axis < 0 ? axis + int64_t(dims.size()) : axis;
      std::vector<Dims> scales{{}};
      if (!dims.empty()) scales.push_back({dims[size_t(along)]});
      for (const Dims& scale_dims : scales)
        for (const bool shifted : {true, false}) {
          Tensors in{x, random_tensor(scale_dims, 2, 0.1f, 0.5f)};
          if (shifted) in.push_back(zero_points(t, scale_dims));
          expect_like_reference("cpu.quantize", ops::QuantizeLinear{axis, 0, t}, in);
          in[0] = zero_points(t, dims);
          expect_like_reference("cpu.quantize", ops::DequantizeLinear{axis}, in);
        }
    }
  Tensor wide(DType::i32, {5});
  for (int64_t i = 0; i < 5; ++i) wide.set_double(i, double(i - 2) * 500000000.0 + 1);
  expect_like_reference("cpu.quantize", ops::DequantizeLinear{}, {wide, Tensor::scalar(0.01f)});
}

TEST(QuantizeTactic, TakesWhatIsNoNumber) {
  const Tensor x = Tensor::of<float>({7}, {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, -0.0f, 1e-40f});
  for (const DType t : kSmall)
    expect_like_reference("cpu.quantize", ops::QuantizeLinear{0, 0, t},
                          {x, Tensor::scalar(0.5f), zero_points(t, {})});
}

TEST(QuantizeTactic, RefusesWithReasons) {
  const auto blocks = run_op("cpu.quantize", ops::QuantizeLinear{1, 2, DType::i8},
                             {random_tensor({2, 4}, 1), random_tensor({2, 2}, 2, 1, 2)}, Isa::baseline, 1);
  ASSERT_FALSE(blocks.ok());
  EXPECT_EQ(blocks.status().message(), "scales belong to blocks");
  const auto packed = run_op("cpu.quantize", ops::QuantizeLinear{1, 0, DType::i4},
                             {random_tensor({2, 4}, 1), Tensor::scalar(1.0f)}, Isa::baseline, 1);
  ASSERT_FALSE(packed.ok());
  EXPECT_EQ(packed.status().message(), "the integers are i4, needs i8, u8, i16 or u16");
}

}  // namespace
}  // namespace rekindle::cpu
