// f16 and bf16: every value there and back, and rounding checked against exact arithmetic.
// SPDX-License-Identifier: Apache-2.0
#include "tensor/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "tensor/convert.h"

namespace rekindle {
namespace {

float f16_value(uint16_t bits) {
  f16_t h;
  h.bits = bits;
  return float(h);
}
float bf16_value(uint16_t bits) {
  bf16_t h;
  h.bits = bits;
  return float(h);
}

/// The value by its definition, in double arithmetic.
double f16_by_definition(uint16_t bits) {
  const int exponent = (bits >> 10) & 31, mantissa = bits & 1023;
  double v = 0;
  if (exponent == 31)
    v = mantissa == 0 ? INFINITY : NAN;
  else if (exponent == 0)
    v = std::ldexp(mantissa, -24);
  else
    v = std::ldexp(1024 + mantissa, exponent - 25);
  return (bits & 0x8000) != 0 ? -v : v;
}

TEST(Half, EveryF16DecodesByDefinitionAndComesBack) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const float value = f16_value(uint16_t(bits));
    const double expected = f16_by_definition(uint16_t(bits));
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(value)) << bits;
      EXPECT_TRUE(std::isnan(float(f16_t(value)))) << bits;
      EXPECT_EQ(f16_t(value).bits & 0x8000, bits & 0x8000) << "the sign of NaN stays";
    } else {
      EXPECT_EQ(value, expected) << bits;
      EXPECT_EQ(std::signbit(value), std::signbit(expected)) << bits;
      EXPECT_EQ(f16_t(value).bits, bits);
    }
  }
}

TEST(Half, EveryGapOfF16RoundsToTheNearestEven) {
  for (uint16_t bits = 0; bits < 0x7c00; ++bits) {
    const float low = f16_value(bits);
    const float high =
        bits == 0x7bff ? 65536.0F : f16_value(uint16_t(bits + 1));  // the last gap ends at infinity
    const float middle = (low + high) / 2;                          // exact: float has the bits
    const auto even = uint16_t(bits + (bits & 1));
    EXPECT_EQ(f16_t(middle).bits, even);
    EXPECT_EQ(f16_t(std::nextafter(middle, 0.0F)).bits, bits);
    EXPECT_EQ(f16_t(std::nextafter(middle, INFINITY)).bits, bits + 1);
    EXPECT_EQ(f16_t(-middle).bits, even | 0x8000);
  }
  EXPECT_EQ(f16_t(1e30F).bits, 0x7c00);
  EXPECT_EQ(f16_t(-INFINITY).bits, 0xfc00);
  EXPECT_EQ(f16_t(1e-30F).bits, 0);
  EXPECT_EQ(f16_t(-0.0F).bits, 0x8000);
}

TEST(Half, EveryBf16ComesBackAndRoundsToTheNearestEven) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const float value = bf16_value(uint16_t(bits));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(float(bf16_t(value))));
      continue;
    }
    EXPECT_EQ(bf16_t(value).bits, bits);
    if (std::isinf(value)) continue;
    const uint32_t whole = bits << 16;
    EXPECT_EQ(bf16_t(std::bit_cast<float>(whole | 0x7fff)).bits, bits);
    EXPECT_EQ(bf16_t(std::bit_cast<float>(whole | 0x8000)).bits, bits + (bits & 1))
        << "a tie goes to the even one";
    EXPECT_EQ(bf16_t(std::bit_cast<float>(whole | 0x8001)).bits, bits + 1);
  }
  EXPECT_TRUE(std::isnan(float(bf16_t(std::bit_cast<float>(0x7f800001U)))))
      << "a NaN with low bits only must not become infinity";
}

TEST(Half, DoublesAndIntegersAreRoundedOnce) {
  // Just above the tie between 1 and the next f16: rounding to float first would lose the excess and go down.
  const double tie = 1 + std::ldexp(1.0, -11);
  EXPECT_EQ(convert<f16_t>(tie).bits, 0x3c00);
  EXPECT_EQ(convert<f16_t>(tie + 1e-12).bits, 0x3c01);
  EXPECT_EQ(convert<f16_t>(tie - 1e-12).bits, 0x3c00);
  EXPECT_EQ(convert<bf16_t>(1 + std::ldexp(1.0, -8) + 1e-12).bits, 0x3f81);
  // 2^40 + 2^32 is a tie for bf16; one more breaks it, and float cannot hold the one.
  const int64_t wide = (int64_t(1) << 40) + (int64_t(1) << 32);
  EXPECT_EQ(float(convert<bf16_t>(wide)), std::ldexp(1.0F, 40));
  EXPECT_EQ(float(convert<bf16_t>(wide + 1)), std::ldexp(1.0F, 40) * (1 + std::ldexp(1.0F, -7)));
  EXPECT_EQ(float(convert<bf16_t>(-wide - 1)), -std::ldexp(1.0F, 40) * (1 + std::ldexp(1.0F, -7)));
  const int64_t wider = (int64_t(1) << 62) + (int64_t(1) << 54);
  EXPECT_EQ(float(convert<bf16_t>(wider)), std::ldexp(1.0F, 62));
  EXPECT_EQ(float(convert<bf16_t>(wider + 1)), std::ldexp(1.0F, 62) * (1 + std::ldexp(1.0F, -7)));
  EXPECT_EQ(convert<f16_t>(1e300).bits, 0x7c00);
  EXPECT_EQ(convert<bf16_t>(-1e300).bits, 0xff80);
  EXPECT_EQ(convert<f16_t>(INT64_MIN).bits, 0xfc00);
  EXPECT_EQ(float(convert<bf16_t>(UINT64_MAX)), std::ldexp(1.0F, 64));
  EXPECT_TRUE(std::isnan(float(convert<f16_t>(double(NAN)))));
}

TEST(Half, RoundToOddBracketsEveryDouble) {
  std::mt19937_64 random(5);
  for (int i = 0; i < 20000; ++i) {
    const double d = std::bit_cast<double>(random());
    if (!std::isfinite(d)) continue;
    const float f = round_to_odd(d);
    if (double(f) == d) continue;
    EXPECT_EQ(std::bit_cast<uint32_t>(f) & 1, 1U);
    EXPECT_TRUE(std::isfinite(f));
    EXPECT_EQ(std::signbit(f), std::signbit(d));
    const double down = std::nextafter(f, -INFINITY), up = std::nextafter(f, INFINITY);
    EXPECT_TRUE((down <= d && d <= up) || std::fabs(d) > double(std::numeric_limits<float>::max())) << d;
  }
}

}  // namespace
}  // namespace rekindle
