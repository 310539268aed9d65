// cpu.conv and cpu.depthwise against the reference: windows of every kind, groups, views, tails.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/conv.h"

#include <cmath>

#include "backends/cpu/conv_cases.h"
#include "backends/cpu/kernels/conv_transpose.h"
#include "backends/cpu/kernels/depthwise.h"

namespace rekindle::cpu {
namespace {

class ConvTest : public ::testing::TestWithParam<Isa> {};
INSTANTIATE_TEST_SUITE_P(Isa, ConvTest, ::testing::ValuesIn(isa_levels()),
                         [](const auto& info) { return std::string(enum_name(info.param)); });

const std::vector<ConvCase>& cases() {
  static const std::vector<ConvCase> list = {
      // n  h  w  c  o  kernel   strides dilations  begin   end   group
      {1, 7, 7, 64, 64, {1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, 1},
      {2, 9, 11, 20, 33, {1, 1}, {2, 2}, {1, 1}, {0, 0}, {0, 0}, 1},
      {1, 14, 13, 16, 24, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1},
      {2, 15, 15, 17, 65, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, 1},
      {1, 12, 12, 9, 10, {3, 3}, {1, 1}, {2, 3}, {2, 3}, {2, 3}, 1},
      {1, 20, 21, 3, 32, {7, 7}, {2, 2}, {1, 1}, {3, 3}, {3, 3}, 1},  // few channels: padded copy
      {2, 11, 12, 3, 16, {3, 3}, {2, 2}, {1, 1}, {0, 0}, {1, 1}, 1},
      {1, 16, 16, 4, 7, {5, 2}, {3, 1}, {2, 1}, {4, 0}, {1, 1}, 1},
      {1, 9, 9, 3, 5, {3, 3}, {1, 1}, {1, 2}, {1, 2}, {1, 2}, 1},  // few channels, dilated: no copy
      {1, 8, 8, 1, 1, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1},
      {1, 8, 8, 32, 48, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 4},
      {2, 6, 5, 12, 6, {2, 3}, {1, 2}, {1, 1}, {1, 1}, {0, 2}, 3},
      {1, 5, 6, 8, 8, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 8},      // depthwise by groups
      {1, 3, 3, 600, 40, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1},   // k blocks by taps
      {1, 4, 3, 1500, 70, {1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, 1},  // k blocks by channels
      {1, 2, 2, 20, 8, {3, 3}, {1, 1}, {1, 1}, {5, 5}, {5, 5}, 1},     // windows wholly outside
      {0, 5, 5, 8, 8, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1},
      {3, 1, 37, 10, 12, {5}, {2}, {1}, {2}, {2}, 1},  // one dimension
      {1, 1, 50, 2, 20, {9}, {1}, {1}, {4}, {4}, 1},
  };
  return list;
}

TEST_P(ConvTest, MatchesTheReference) {
  for (const ConvCase& c : cases()) {
    for (const bool has_bias : {false, true}) {
      const ConvData data(c, has_bias);
      ConvParams params{c.window(), c.group, c.c, c.o, false, has_bias, {}};
      std::vector<TestArg> in{data.x, TestArg::weight(pack_conv_weights(data.w, c.group, GetParam()))};
      if (has_bias) in.emplace_back(data.bias);
      for (const int threads : {1, 2, 5}) {
        Tensor y(DType::f32, data.expected.dims());
        const Status status = launch("cpu.conv", to_bytes(params), GetParam(), in, {y}, threads, 2);
        ASSERT_TRUE(status.ok()) << status.to_string();
        EXPECT_TRUE(near(y, data.expected, c.tolerance(), 2e-5)) << c.text() << " threads " << threads;
      }
    }
  }
}

TEST_P(ConvTest, ReadsNchw) {
  for (const ConvCase& c : cases()) {
    if (c.group != 1 || c.dilations.back() != 1 || c.c > 40) continue;
    const ConvData data(c, true);
    const Tensor x = *ops::to_nchw(data.x);
    ConvParams params{c.window(), 1, c.c, c.o, true, true, {1, {{"relu", "", {0}}}, {1}}};
    Tensor y(DType::f32, data.expected.dims());
    const Status status = launch("cpu.conv", to_bytes(params), GetParam(),
                                 {x, pack_conv_weights(data.w, 1, GetParam()), data.bias}, {y});
    ASSERT_TRUE(status.ok()) << status.to_string();
    Tensor expected = data.expected.clone();
    for (int64_t i = 0; i < expected.count(); ++i)
      expected.data<float>()[i] = std::max(0.0f, expected.data<float>()[i]);
    EXPECT_TRUE(near(y, expected, 2e-5, 2e-5)) << c.text();
  }
}

/// silu(conv + bias) * gate + residual, read from and written into wider tensors.
TEST_P(ConvTest, ViewsAndTails) {
  for (const ConvCase& c : cases()) {
    if (c.c > 100 || c.n == 0) continue;
    const ConvData data(c, true);
    const Dims& out = data.expected.dims();
    Tensor wide_x(DType::f32, widened(data.x.dims(), 5)), wide_y(DType::f32, widened(out, 7));
    copy_channels(data.x, wide_x, 2);
    Dims gate_dims(out.size(), 1);
    gate_dims[0] = out[0], gate_dims.back() = out.back();
    const Tensor gate = random_tensor(gate_dims, 21), residual = random_tensor(out, 22);
    const Program tail{3, {{"silu", "", {0}}, {"mul", "", {3, 1}}, {"add", "", {4, 2}}}, {5}};
    const ConvParams params{c.window(), c.group, c.c, c.o, false, true, tail};
    const Status status = launch("cpu.conv", to_bytes(params), GetParam(),
                                 {TestArg(wide_x).view(data.x.dims(), contiguous_strides(wide_x.dims()), 2),
                                  pack_conv_weights(data.w, c.group, GetParam()), data.bias, gate, residual},
                                 {TestArg(wide_y).view(out, contiguous_strides(wide_y.dims()), 4)});
    ASSERT_TRUE(status.ok()) << status.to_string();
    const int64_t o = out.back(), per_image = data.expected.count() / out[0] / o;
    for (int64_t i = 0; i < data.expected.count(); ++i) {
      const int64_t pixel = i / o, channel = i % o;
      const double v = data.expected.as_double(i);
      const double expected =
          v / (1 + std::exp(-v)) * gate.as_double(pixel / per_image * o + channel) + residual.as_double(i);
      ASSERT_NEAR(wide_y.as_double(pixel * (o + 7) + 4 + channel), expected, 5e-5) << c.text() << " at " << i;
    }
    for (int64_t pixel = 0; pixel < data.expected.count() / o; ++pixel)
      for (const int64_t outside : {0, 3, int(o) + 4, int(o) + 6})
        ASSERT_EQ(wide_y.as_double(pixel * (o + 7) + outside), 0) << c.text();
  }
}

/// What stays in registers behind a sum, and orders of it that do not.
TEST_P(ConvTest, SwishTimesAndPlusANumber) {
  for (const int64_t o : {80, 33}) {
    const ConvCase c{1, 9, 7, 32, o, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1};
    const ConvData data(c, true);
    const Tensor residual = random_tensor(data.expected.dims(), 5), two = Tensor::of<float>({1}, {2}),
                 half = Tensor::of<float>({1, 1}, {-0.5f});
    const Program tails[] = {
        {4, {{"add", "", {0, 1}}, {"hard_swish", "", {4}}, {"mul", "", {5, 2}}, {"add", "", {3, 6}}}, {7}},
        {4, {{"mul", "", {0, 2}}, {"add", "", {4, 3}}, {"hard_swish", "", {5}}, {"add", "", {6, 1}}}, {7}}};
    for (const bool swish_last : {false, true}) {
      const ConvParams params{c.window(), 1, c.c, c.o, false, true, tails[swish_last]};
      Tensor y(DType::f32, data.expected.dims()), expected = data.expected.clone();
      for (int64_t i = 0; i < expected.count(); ++i) {
        const double v = data.expected.as_double(i), r = residual.as_double(i);
        const double x = swish_last ? v * 2 - 0.5 : v + r, s = x * std::clamp(x / 6 + 0.5, 0.0, 1.0);
        expected.data<float>()[i] = float(swish_last ? s + r : s * 2 - 0.5);
      }
      const Status status =
          launch("cpu.conv", to_bytes(params), GetParam(),
                 {data.x, pack_conv_weights(data.w, 1, GetParam()), data.bias, residual, two, half}, {y});
      ASSERT_TRUE(status.ok()) << status.to_string();
      EXPECT_TRUE(near(y, expected, 1e-4, 2e-5)) << o << swish_last;
    }
  }
}

TEST_P(ConvTest, ResidualBeforeRelu) {
  const ConvCase c{1, 14, 14, 32, 80, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1};
  const ConvData data(c, true);
  Tensor y = random_tensor(data.expected.dims(), 5);
  Tensor expected = data.expected.clone();
  for (int64_t i = 0; i < expected.count(); ++i)
    expected.data<float>()[i] = std::max(0.0f, expected.data<float>()[i] + y.data<float>()[i]);
  const ConvParams params{
      c.window(), 1, c.c, c.o, false, true, {2, {{"add", "", {0, 1}}, {"relu", "", {2}}}, {3}}};
  ASSERT_TRUE(launch("cpu.conv", to_bytes(params), GetParam(),
                     {data.x, pack_conv_weights(data.w, 1, GetParam()), data.bias, y}, {y})
                  .ok());
  EXPECT_TRUE(near(y, expected, 2e-5, 2e-5));
}

TEST_P(ConvTest, SamePaddingFollowsTheInput) {
  for (const bool lower : {false, true}) {
    for (const int64_t size : {7, 8}) {
      const int64_t out = (size + 1) / 2, all = std::max<int64_t>(0, (out - 1) * 2 + 3 - size);
      const int64_t begin = lower ? (all + 1) / 2 : all / 2;
      const ConvCase c{
          1, size, size, 8, 8, {3, 3}, {2, 2}, {1, 1}, {begin, begin}, {all - begin, all - begin}, 1};
      const ConvData data(c, false);
      ConvParams params{c.window(), 1, 8, 8, false, false, {}};
      params.window.begin = {0, 0}, params.window.same_lower = lower, params.window.same_upper = !lower;
      Tensor y(DType::f32, data.expected.dims());
      ASSERT_TRUE(launch("cpu.conv", to_bytes(params), GetParam(),
                         {data.x, pack_conv_weights(data.w, 1, GetParam())}, {y})
                      .ok());
      EXPECT_TRUE(near(y, data.expected, 1e-5, 1e-5)) << lower << size;
    }
  }
}

// ---- depthwise

const std::vector<ConvCase>& depthwise_cases() {
  static const std::vector<ConvCase> list = {
      {1, 14, 14, 96, 96, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 96},
      {2, 15, 13, 33, 33, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, 33},
      {1, 20, 30, 17, 17, {5, 5}, {1, 1}, {1, 1}, {2, 2}, {2, 2}, 17},
      {1, 21, 20, 48, 48, {5, 5}, {2, 2}, {1, 1}, {2, 2}, {2, 2}, 48},
      {1, 1, 1, 16, 16, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 16},
      {2, 12, 41, 32, 32, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 32},
      {1, 17, 43, 24, 24, {3, 3}, {2, 2}, {1, 1}, {0, 0}, {1, 1}, 24},
      {1, 11, 37, 20, 20, {5, 5}, {2, 2}, {1, 1}, {1, 1}, {2, 2}, 20},
      {1, 10, 9, 20, 20, {3, 3}, {2, 1}, {1, 1}, {1, 1}, {1, 1}, 20},
      {1, 9, 9, 5, 5, {3, 3}, {1, 1}, {3, 2}, {3, 2}, {3, 2}, 5},
      {1, 3, 3, 16, 16, {7, 7}, {1, 1}, {1, 1}, {3, 3}, {3, 3}, 16},
      {1, 2, 2, 16, 16, {3, 3}, {1, 1}, {1, 1}, {4, 4}, {4, 4}, 16},
      {1, 12, 12, 8, 8, {2, 2}, {2, 2}, {1, 1}, {0, 0}, {0, 0}, 8},
      {1, 6, 6, 1, 1, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1},
      {0, 6, 6, 4, 4, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 4},
      {2, 1, 40, 20, 20, {9}, {1}, {1}, {4}, {4}, 20},
  };
  return list;
}

TEST_P(ConvTest, DepthwiseMatchesTheReference) {
  for (const ConvCase& c : depthwise_cases()) {
    const ConvData data(c, true);
    const Tensor residual = random_tensor(data.expected.dims(), 6);
    for (const int form : {0, 1, 2, 3}) {  // plain; add and clip in registers; a longer tail; a scaled swish
      DepthwiseParams params{c.window(), c.c, true, {}};
      std::vector<TestArg> in{data.x, pack_depthwise_weights(data.w), data.bias};
      if (form == 1)
        params.tail = {2, {{"add", "", {1, 0}}, {"clip", to_bytes(ops::Clip{0, 0.75f}), {2}}}, {3}};
      if (form == 2) params.tail = {2, {{"hard_swish", "", {0}}, {"mul", "", {2, 1}}}, {3}};
      if (form == 1 || form == 2) in.emplace_back(residual);
      if (form == 3) {
        params.tail = {3, {{"hard_swish", "", {0}}, {"mul", "", {1, 3}}, {"add", "", {4, 2}}}, {5}};
        in.emplace_back(Tensor::of<float>({1}, {1.5f})), in.emplace_back(Tensor::of<float>({}, {-0.25f}));
      }
      Tensor wide(DType::f32, widened(data.expected.dims(), 3));
      for (const int threads : {1, 3}) {
        const Status status =
            launch("cpu.depthwise", to_bytes(params), GetParam(), in,
                   {TestArg(wide).view(data.expected.dims(), contiguous_strides(wide.dims()), 1)}, threads);
        ASSERT_TRUE(status.ok()) << status.to_string();
        for (int64_t i = 0; i < data.expected.count(); ++i) {
          const double v = data.expected.as_double(i), r = residual.as_double(i);
          const double expected =
              form == 0 ? v
              : form == 1
                  ? std::clamp(v + r, 0.0, 0.75)
                  : v * std::clamp(v / 6 + 0.5, 0.0, 1.0) * (form == 2 ? r : 1.5) - (form == 3 ? 0.25 : 0);
          ASSERT_NEAR(wide.as_double(i / c.c * (c.c + 3) + 1 + i % c.c), expected, 2e-5)
              << c.text() << " form " << form << " at " << i;
        }
      }
    }
  }
}

// ---- transposed

/// conv_transpose + bias as it is, and silu of it times a gate plus a residual, from and into wider tensors.
TEST_P(ConvTest, TransposedMatchesTheReference) {
  for (const TransposedCase& c : transposed_cases()) {
    if (c.dilation != 1) continue;
    const TransposedData data(c);
    const Dims& out = data.expected.dims();
    const int64_t o = out.back();
    Tensor wide_x(DType::f32, widened(data.x.dims(), 3));
    copy_channels(data.x, wide_x, 2);
    Dims gate_dims(out.size(), 1);
    gate_dims.back() = o;
    const Tensor gate = random_tensor(gate_dims, 21), residual = random_tensor(out, 22);
    for (const bool has_tail : {false, true}) {
      ConvTransposeParams params{c.window(), c.group, c.w[0], o, true, {}};
      std::vector<TestArg> in{TestArg(wide_x).view(data.x.dims(), contiguous_strides(wide_x.dims()), 2)};
      for (const Tensor& w : pack_conv_transpose_weights(data.w, c.window(), c.group, GetParam()))
        in.push_back(TestArg::weight(w));
      in.emplace_back(data.bias);
      if (has_tail) {
        params.tail = {3, {{"silu", "", {0}}, {"mul", "", {3, 1}}, {"add", "", {4, 2}}}, {5}};
        in.emplace_back(gate), in.emplace_back(residual);
      }
      for (const int threads : {1, 3}) {
        Tensor wide_y(DType::f32, widened(out, 4));
        const Status status =
            launch("cpu.conv_transpose", to_bytes(params), GetParam(), in,
                   {TestArg(wide_y).view(out, contiguous_strides(wide_y.dims()), 1)}, threads, 2);
        ASSERT_TRUE(status.ok()) << c.text() << ": " << status.to_string();
        for (int64_t i = 0; i < data.expected.count(); ++i) {
          const double v = data.expected.as_double(i);
          const double expected =
              has_tail ? v / (1 + std::exp(-v)) * gate.as_double(i % o) + residual.as_double(i) : v;
          ASSERT_NEAR(wide_y.as_double(i / o * (o + 4) + 1 + i % o), expected, 5e-5)
              << c.text() << " at " << i;
        }
        for (int64_t i = 0; i < wide_y.count(); ++i)
          if (i % (o + 4) == 0 || i % (o + 4) > o) {
            ASSERT_EQ(wide_y.as_double(i), 0) << c.text();
          }
      }
    }
  }
}

TEST(Conv, RefusesWhatDoesNotFit) {
  const ConvCase c{1, 8, 8, 4, 6, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1};
  const ConvData data(c, false);
  const Tensor packed = pack_conv_weights(data.w, 1, Isa::baseline);
  const auto message = [&](ConvParams p, const Tensor& x, const Tensor& w, const Dims& out) {
    return launch("cpu.conv", to_bytes(p), Isa::baseline, {x, w}, {Tensor(DType::f32, out)}).message();
  };
  const ConvParams good{c.window(), 1, 4, 6, false, false, {}};
  EXPECT_EQ(message(good, data.x, packed, {1, 8, 8, 6}), "");
  EXPECT_EQ(message(good, random_tensor({1, 8, 8, 5}, 1), packed, {1, 8, 8, 6}),
            "conv: 5 to 6 channels, expected 4 to 6");
  EXPECT_NE(message(good, data.x, data.w, {1, 8, 8, 6}), "");
  EXPECT_NE(message(good, data.x, packed, {2, 8, 8, 6}), "");
  EXPECT_NE(message(good, data.x, packed, {1, 8, 6}), "");
  ConvParams bad = good;
  bad.window.strides = {0, 1};
  EXPECT_EQ(message(bad, data.x, packed, {1, 8, 8, 6}),
            "conv: a window axis has kernel 3, stride 0, dilation 1, padding 1, outputs 8");
  bad = good, bad.window.kernel = {3};
  EXPECT_NE(message(bad, data.x, packed, {1, 8, 8, 6}), "");
  bad = good, bad.group = 3;
  EXPECT_EQ(message(bad, data.x, packed, {1, 8, 8, 6}), "conv: 4 to 6 channels in 3 groups");
}

}  // namespace
}  // namespace rekindle::cpu
