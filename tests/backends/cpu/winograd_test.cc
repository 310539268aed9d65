// cpu.winograd against the reference convolution: odd sizes, borders, many tiles, tails.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/winograd.h"

#include "backends/cpu/conv_cases.h"

namespace rekindle::cpu {
namespace {

class WinogradTest : public ::testing::TestWithParam<Isa> {};
INSTANTIATE_TEST_SUITE_P(Isa, WinogradTest, ::testing::ValuesIn(isa_levels()),
                         [](const auto& info) { return std::string(enum_name(info.param)); });

const std::vector<ConvCase>& cases() {
  static const std::vector<ConvCase> list = {
      {1, 8, 8, 16, 16, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1},
      {2, 13, 7, 5, 33, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1},
      {1, 30, 29, 33, 65, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1},
      {1, 6, 9, 8, 8, {3, 3}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, 1},
      {1, 5, 5, 1, 1, {3, 3}, {1, 1}, {1, 1}, {2, 1}, {2, 2}, 1},
      {1, 1, 1, 4, 4, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1},
      {1, 6, 6, 900, 20, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1},
      {0, 6, 6, 4, 4, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1},
  };
  return list;
}

TEST_P(WinogradTest, MatchesTheReference) {
  for (const ConvCase& c : cases()) {
    const ConvData data(c, true);
    const Tensor residual = random_tensor(data.expected.dims(), 9);
    for (const int64_t tile : {2, 4}) {
      for (const int threads : {1, 3}) {
        WinogradParams params{tile, c.begin[0], c.begin[1], c.c, c.o, true, {}};
        Tensor wide(DType::f32, widened(data.expected.dims(), 5));
        const TestArg out = TestArg(wide).view(data.expected.dims(), contiguous_strides(wide.dims()), 2);
        const std::vector<TestArg> in{data.x, pack_winograd_weights(data.w, tile, GetParam()), data.bias};
        Status status = launch("cpu.winograd", to_bytes(params), GetParam(), in, {out}, threads);
        ASSERT_TRUE(status.ok()) << status.to_string();
        const double tolerance = c.tolerance() * (tile == 2 ? 2 : 8);
        for (int64_t i = 0; i < data.expected.count(); ++i)
          ASSERT_NEAR(wide.as_double(i / c.o * (c.o + 5) + 2 + i % c.o), data.expected.as_double(i),
                      tolerance)
              << c.text() << " tile " << tile;
        params.tail = {2, {{"add", "", {0, 1}}, {"relu", "", {2}}}, {3}};
        std::vector<TestArg> more = in;
        more.emplace_back(residual);
        status = launch("cpu.winograd", to_bytes(params), GetParam(), more, {out}, threads);
        ASSERT_TRUE(status.ok()) << status.to_string();
        for (int64_t i = 0; i < data.expected.count(); ++i)
          ASSERT_NEAR(wide.as_double(i / c.o * (c.o + 5) + 2 + i % c.o),
                      std::max(0.0, data.expected.as_double(i) + residual.as_double(i)), tolerance)
              << c.text() << " tile " << tile;
      }
    }
  }
}

TEST(Winograd, RefusesWhatDoesNotFit) {
  const ConvCase c{1, 8, 8, 4, 6, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1};
  const ConvData data(c, false);
  const Tensor packed = pack_winograd_weights(data.w, 4, Isa::baseline);
  const auto message = [&](WinogradParams p, const Dims& out) {
    return launch("cpu.winograd", to_bytes(p), Isa::baseline, {data.x, packed}, {Tensor(DType::f32, out)})
        .message();
  };
  const WinogradParams good{4, 1, 1, 4, 6, false, {}};
  EXPECT_EQ(message(good, {1, 8, 8, 6}), "");
  EXPECT_EQ(message(good, {1, 8, 8, 7}), "winograd: 4 to 7 channels, expected 4 to 6");
  WinogradParams bad = good;
  bad.tile = 2;  // the blob is for tiles of 4
  EXPECT_NE(message(bad, {1, 8, 8, 6}), "");
  bad.tile = 3;
  EXPECT_EQ(message(bad, {1, 8, 8, 6}), "winograd: tile 3 and 4 to 6 channels, expected tile 2 or 4");
}

}  // namespace
}  // namespace rekindle::cpu
