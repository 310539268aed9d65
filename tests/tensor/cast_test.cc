// Cast: ONNX's tables for the small floats, their rounding by brute force, all pairs of types, strings.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "tensor/small_types.h"
#include "tensor/tensor.h"

namespace rekindle {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN();
constexpr std::array kSmallFloats{DType::f8e4m3fn,   DType::f8e4m3fnuz, DType::f8e5m2,
                                  DType::f8e5m2fnuz, DType::f8e8m0,     DType::f4e2m1};

Tensor cast_ok(const Tensor& t, DType to, bool saturate = true, PowerRounding rounding = PowerRounding::up) {
  Result<Tensor> r = cast(t, to, saturate, rounding);
  EXPECT_TRUE(r.ok()) << r.status().to_string();
  return r.ok() ? *std::move(r) : Tensor(to, t.dims());
}
template <class T> Tensor vector_of(const std::vector<T>& values) {
  return Tensor::of<T>({int64_t(values.size())}, values);
}
/// The codes that `values` become.
std::vector<int> codes(const std::vector<float>& values, DType to, bool saturate = true,
                       PowerRounding rounding = PowerRounding::up) {
  const Tensor t = cast_ok(vector_of(values), to, saturate, rounding);
  std::vector<int> result;
  for (int64_t i = 0; i < t.count(); ++i)
    result.push_back(is_packed(to) ? packed_bits(t.raw(), bits_of(to), i)
                                   : static_cast<const uint8_t*>(t.raw())[i]);
  return result;
}
std::vector<double> doubles(const Tensor& t) {
  std::vector<double> values;
  for (int64_t i = 0; i < t.count(); ++i) values.push_back(t.as_double(i));
  return values;
}
/// "1, 2" of the values, so that NaN compares.
std::string text(const Tensor& t) {
  const std::string all = t.to_string(1000);
  return all.substr(all.find('{'));
}

TEST(SmallFloat, KnownCodes) {
  EXPECT_EQ(small_float_value(DType::f8e4m3fn, 0x7e), 448);
  EXPECT_EQ(small_float_value(DType::f8e4m3fn, 0x01), 0x1p-9F);
  EXPECT_EQ(small_float_value(DType::f8e4m3fnuz, 0x7f), 240);
  EXPECT_EQ(small_float_value(DType::f8e5m2, 0x7b), 57344);
  EXPECT_EQ(small_float_value(DType::f8e5m2, 0xfc), -kInf);
  EXPECT_EQ(small_float_value(DType::f8e5m2fnuz, 0x7f), 57344);
  EXPECT_EQ(small_float_value(DType::f8e8m0, 127), 1);
  EXPECT_EQ(small_float_value(DType::f8e8m0, 0), 0x1p-127F);
  EXPECT_TRUE(std::isnan(small_float_value(DType::f8e8m0, 255)));
  std::vector<float> f4;
  for (int i = 0; i < 16; ++i) f4.push_back(small_float_value(DType::f4e2m1, uint8_t(i)));
  EXPECT_EQ(f4, (std::vector<float>{0, .5F, 1, 1.5F, 2, 3, 4, 6, -0.F, -.5F, -1, -1.5F, -2, -3, -4, -6}));
}

TEST(SmallFloat, EveryCodeComesBack) {
  for (const DType t : kSmallFloats)
    for (int code = 0; code < (t == DType::f4e2m1 ? 16 : 256); ++code) {
      const float value = small_float_value(t, uint8_t(code));
      if (std::isnan(value))
        EXPECT_TRUE(std::isnan(small_float_value(t, small_float_bits(t, value)))) << int(t) << " " << code;
      else
        EXPECT_EQ(small_float_bits(t, value, false), code) << to_string(t);
    }
}

TEST(SmallFloat, RoundsToTheNearestEvenByBruteForce) {
  std::mt19937 random(3);
  for (const DType t : kSmallFloats) {
    if (t == DType::f8e8m0) continue;
    std::vector<std::pair<double, int>> finite;  // magnitudes, least first
    const int codes_of_sign = t == DType::f4e2m1 ? 8 : 128;
    for (int code = 0; code < codes_of_sign; ++code)
      if (const float v = small_float_value(t, uint8_t(code)); std::isfinite(v)) finite.emplace_back(v, code);
    auto check = [&](float x) {
      const double clamped = std::min(double(x), finite.back().first);  // at 1e30 all distances look alike
      size_t best = 0;
      for (size_t i = 1; i < finite.size(); ++i) {
        const double now = std::fabs(finite[i].first - clamped),
                     before = std::fabs(finite[best].first - clamped);
        if (now < before || (now == before && finite[i].second % 2 == 0)) best = i;
      }
      ASSERT_EQ(small_float_bits(t, x), finite[best].second) << to_string(t) << " of " << x;
    };
    for (size_t i = 0; i + 1 < finite.size(); ++i) {
      const auto middle = float((finite[i].first + finite[i + 1].first) / 2);
      check(middle), check(std::nextafter(middle, 0.0F)), check(std::nextafter(middle, kInf));
    }
    const auto largest = float(finite.back().first);
    for (int i = 0; i < 2000; ++i)
      check(std::ldexp(float(random() % 100000) / 100000, int(random() % 40) - 25));
    check(largest), check(largest * 1.01F), check(1e30F), check(0.0F), check(1e-40F);
  }
}

TEST(SmallFloat, TablesOfTheCastOperator) {
  const std::vector<float> x{kNan, kInf, -kInf, 1e6F, -1e6F, 0.F, -0.F};
  EXPECT_EQ(codes(x, DType::f8e4m3fn), (std::vector<int>{127, 126, 254, 126, 254, 0, 128}));
  EXPECT_EQ(codes(x, DType::f8e4m3fn, false), (std::vector<int>{127, 127, 255, 127, 255, 0, 128}));
  EXPECT_EQ(codes(x, DType::f8e4m3fnuz), (std::vector<int>{128, 127, 255, 127, 255, 0, 0}));
  EXPECT_EQ(codes(x, DType::f8e4m3fnuz, false), (std::vector<int>{128, 128, 128, 128, 128, 0, 0}));
  EXPECT_EQ(codes(x, DType::f8e5m2), (std::vector<int>{126, 123, 251, 123, 251, 0, 128}));
  EXPECT_EQ(codes(x, DType::f8e5m2, false), (std::vector<int>{126, 124, 252, 124, 252, 0, 128}));
  EXPECT_EQ(codes(x, DType::f8e5m2fnuz), (std::vector<int>{128, 127, 255, 127, 255, 0, 0}));
  EXPECT_EQ(codes(x, DType::f8e5m2fnuz, false), (std::vector<int>{128, 128, 128, 128, 128, 0, 0}));
  // Just past the largest: 464 is a tie that goes back to 448; the next float is over.
  EXPECT_EQ(codes({464, std::nextafter(464.F, kInf), 480}, DType::f8e4m3fn, false),
            (std::vector<int>{126, 127, 127}));
  EXPECT_EQ(codes({61439, 61440}, DType::f8e5m2, false), (std::vector<int>{123, 124}));
  // f4 has neither NaN nor infinity: it saturates even when told not to.
  EXPECT_EQ(codes({kNan, kInf, -kInf, 9, -8, .25F, .75F, 5, 2.5F, 3.5F, .01F, -0.F}, DType::f4e2m1, false),
            (std::vector<int>{8, 7, 15, 7, 15, 0, 2, 6, 4, 6, 0, 8}));
}

TEST(SmallFloat, PowersOfTwo) {
  const std::vector<float> x{.124F, .25F, 1.1F, 1.5F, 1.4F, 2, kNan};
  EXPECT_EQ(codes(x, DType::f8e8m0), (std::vector<int>{124, 125, 128, 128, 128, 128, 255}));
  EXPECT_EQ(codes(x, DType::f8e8m0, true, PowerRounding::down),
            (std::vector<int>{123, 125, 127, 127, 127, 128, 255}));
  EXPECT_EQ(codes(x, DType::f8e8m0, true, PowerRounding::nearest),
            (std::vector<int>{124, 125, 127, 128, 127, 128, 255}));
  EXPECT_EQ(codes({0, kInf, 3e38F, 1e-45F}, DType::f8e8m0), (std::vector<int>{0, 254, 254, 0}));
  EXPECT_EQ(codes({0, kInf, 3e38F, 1e-45F}, DType::f8e8m0, false, PowerRounding::nearest),
            (std::vector<int>{255, 255, 255, 255}));
  EXPECT_EQ(codes({0x1p-127F, 0x1.8p-127F, 0x1p-126F}, DType::f8e8m0), (std::vector<int>{0, 1, 1}));
}

TEST(Cast, FloatsToIntegersAreDefinedEverywhere) {
  const Tensor x = vector_of<float>({2.9F, -2.9F, 300, -1, kNan, kInf, -kInf, 1e30F, -1e30F});
  EXPECT_EQ(text(cast_ok(x, DType::i32)),
            "{2, -2, 300, -1, 0, 2147483647, -2147483648, 2147483647, -2147483648}");
  EXPECT_EQ(text(cast_ok(x, DType::u32)), "{2, 0, 300, 0, 0, 4294967295, 0, 4294967295, 0}");
  EXPECT_EQ(text(cast_ok(x, DType::i64)),
            "{2, -2, 300, -1, 0, 9223372036854775807, -9223372036854775808, "
            "9223372036854775807, -9223372036854775808}");
  EXPECT_EQ(text(cast_ok(x, DType::u64)),
            "{2, 0, 300, 0, 0, 18446744073709551615, 0, 18446744073709551615, 0}");
  EXPECT_EQ(text(cast_ok(x, DType::i8)), "{2, -2, 44, -1, 0, 0, 0, 0, 0}");
  EXPECT_EQ(text(cast_ok(x, DType::u8)), "{2, 254, 44, 255, 0, 0, 0, 0, 0}");
  EXPECT_EQ(text(cast_ok(x, DType::i16)), "{2, -2, 300, -1, 0, 0, 0, 0, 0}");
  EXPECT_EQ(text(cast_ok(x, DType::boolean)), "{true, true, true, true, true, true, true, true, true}");
  EXPECT_EQ(text(cast_ok(vector_of<float>({0, -0.F, 1e-45F}), DType::boolean)), "{false, false, true}");
  // The limits themselves, where the nearest double is past the type.
  EXPECT_EQ(
      text(cast_ok(vector_of<double>({9223372036854775808.0, -9223372036854775808.0, 9223372036854774784.0}),
                   DType::i64)),
      "{9223372036854775807, -9223372036854775808, 9223372036854774784}");
  EXPECT_EQ(
      text(cast_ok(vector_of<double>({18446744073709551616.0, 18446744073709549568.0, -0.9}), DType::u64)),
      "{18446744073709551615, 18446744073709549568, 0}");
  EXPECT_EQ(text(cast_ok(vector_of<double>({2147483647.9, -2147483648.9, 2147483648.0}), DType::i32)),
            "{2147483647, -2147483648, 2147483647}");
}

TEST(Cast, IntegersKeepTheirLowBits) {
  const Tensor x = vector_of<int64_t>({200, -1, 256, INT64_MIN, 0x123456789});
  EXPECT_EQ(text(cast_ok(x, DType::i8)), "{-56, -1, 0, 0, -119}");
  EXPECT_EQ(text(cast_ok(x, DType::u8)), "{200, 255, 0, 0, 137}");
  EXPECT_EQ(text(cast_ok(x, DType::i32)), "{200, -1, 256, 0, 591751049}");
  EXPECT_EQ(text(cast_ok(x, DType::u64)),
            "{200, 18446744073709551615, 256, 9223372036854775808, 4886718345}");
  EXPECT_EQ(text(cast_ok(x, DType::boolean)), "{true, true, true, true, true}");
  EXPECT_EQ(text(cast_ok(vector_of<bool>({true, false}), DType::f16)), "{1, 0}");
  EXPECT_EQ(text(cast_ok(vector_of<uint64_t>({UINT64_MAX}), DType::f64)), "{18446744073709551616}");
  EXPECT_EQ(text(cast_ok(vector_of<int32_t>({70000}), DType::f16)), "{inf}") << "out of range is infinity";
}

TEST(Cast, FourAndTwoBitsWrapAndPack) {
  std::vector<float> x;
  for (int i = -9; i < 16; ++i) x.push_back(float(i));  // the cases of ONNX's own test
  const Tensor i4 = cast_ok(vector_of(x), DType::i4), u4 = cast_ok(vector_of(x), DType::u4);
  EXPECT_EQ(i4.bytes(), 13);
  EXPECT_EQ(text(i4),
            "{7, -8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1}");
  EXPECT_EQ(text(u4),
            "{7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}");
  EXPECT_EQ(static_cast<const uint8_t*>(u4.raw())[0], 0x87) << "the first element is in the low bits";
  const Tensor small = vector_of<int32_t>({0, 1, 2, 3, -1, 100});
  EXPECT_EQ(text(cast_ok(small, DType::i2)), "{0, 1, -2, -1, -1, 0}");
  EXPECT_EQ(text(cast_ok(small, DType::u2)), "{0, 1, 2, 3, 3, 0}");
  EXPECT_EQ(text(cast_ok(cast_ok(small, DType::i2), DType::f32)), "{0, 1, -2, -1, -1, 0}");
  EXPECT_EQ(text(cast_ok(u4, DType::i8)), text(u4));
  EXPECT_EQ(text(cast_ok(cast_ok(vector_of<float>({.5F, -6, 1}), DType::f4e2m1), DType::i4)), "{0, -6, 1}");
}

TEST(Cast, EveryPairOfTypesExistsOrSaysSo) {
  for (size_t from = 0; from < kDTypeNames.size(); ++from) {
    Tensor one(DType(from), {3});
    for (int64_t i = 0; i < 3; ++i) one.set_double(i, 1);
    for (size_t to = 0; to < kDTypeNames.size(); ++to) {
      const Result<Tensor> r = cast(one, DType(to));
      const bool complex = is_complex(DType(from)) != is_complex(DType(to));
      ASSERT_EQ(r.ok(), !complex) << kDTypeNames[from] << " to " << kDTypeNames[to] << ": "
                                  << r.status().to_string();
      if (!r.ok()) {
        EXPECT_EQ(r.status().code(), Code::unsupported);
        continue;
      }
      EXPECT_EQ(r->dtype(), DType(to));
      EXPECT_EQ(r->dims(), Dims{3});
      const double expected = DType(to) == DType::i2 ? 1 : 1;
      for (int64_t i = 0; i < 3; ++i)
        EXPECT_EQ(r->as_double(i), expected) << kDTypeNames[from] << " to " << kDTypeNames[to];
    }
  }
  EXPECT_EQ(cast(Tensor(DType::c64, {1}), DType::f32).status().message(),
            "cast from c64 to f32 does not exist, expected real numbers, booleans or strings");
  EXPECT_FALSE(cast(Tensor::view(DType::f32, {4}, nullptr, nullptr), DType::i8).ok());
}

TEST(Cast, StringsAreParsed) {
  const Tensor s = Tensor::of_strings(
      {10}, {"0.47892547", "1000", "1e-5", "1E8", "NaN", "INF", "+INF", "-inf", " 7 ", "+3"});
  EXPECT_EQ(text(cast_ok(s, DType::f32)),
            "{0.4789254665374756, 1000, 9.999999747378752e-06, 1e+08, nan, inf, inf, -inf, 7, 3}");
  EXPECT_EQ(text(cast_ok(s, DType::i32)),
            "{0, 1000, 0, 100000000, 0, 2147483647, 2147483647, -2147483648, 7, 3}");
  EXPECT_EQ(text(cast_ok(Tensor::of_strings({3}, {"100.5", "-9223372036854775808", "300"}), DType::i64)),
            "{100, -9223372036854775808, 300}");
  EXPECT_EQ(text(cast_ok(Tensor::of_strings({1}, {"18446744073709551615"}), DType::u64)),
            "{18446744073709551615}");
  EXPECT_EQ(text(cast_ok(Tensor::of_strings({5}, {"0", "1", "true", "False", "0.5"}), DType::boolean)),
            "{false, true, true, false, true}");
  EXPECT_EQ(text(cast_ok(Tensor::of_strings({2}, {"3", "-1"}), DType::i4)), "{3, -1}");
  EXPECT_EQ(text(cast_ok(Tensor::of_strings({1}, {"0.3"}), DType::f8e5m2)), "{0.3125}");
  EXPECT_EQ(
      text(cast_ok(Tensor::of_strings({4}, {"1e400", "-1e400", "1e-400", "0.0000e99999999999999999999"}),
                   DType::f64)),
      "{inf, -inf, 0, 0}");
  EXPECT_EQ(text(cast_ok(Tensor::of_strings({2}, {std::string(500, '9'), "0." + std::string(500, '0') + "1"}),
                         DType::f64)),
            "{inf, 0}");
  for (const char* bad :
       {"", "Hello World!", "1.2.3", "0x10", "1e", "--1", "+-1", "- 1", "1 2", "infinit", "nane"})
    for (const DType to : {DType::f32, DType::i32, DType::u64, DType::f16, DType::boolean})
      EXPECT_FALSE(cast(Tensor::of_strings({1}, {bad}), to).ok()) << bad;
  EXPECT_EQ(cast(Tensor::of_strings({2}, {"1", "abc"}), DType::f32).status().message(),
            "cast to f32: element 1 is \"abc\", expected a number");
}

TEST(Cast, NumbersArePrintedPlainly) {
  const Tensor x =
      vector_of<float>({314.15927F, 1, .1F, 100000, 16777216, 1e-5F, 1e20F, kNan, kInf, -kInf, -0.F});
  EXPECT_EQ(cast_ok(x, DType::string).strings(),
            (std::vector<std::string>{"314.15927", "1", "0.1", "100000", "16777216", "0.00001", "1e+20",
                                      "NaN", "INF", "-INF", "-0"}));
  EXPECT_EQ(cast_ok(vector_of<double>({0.1, 1.0 / 3}), DType::string).strings(),
            (std::vector<std::string>{"0.1", "0.3333333333333333"}));
  EXPECT_EQ(cast_ok(vector_of<int8_t>({-5, 7}), DType::string).strings(),
            (std::vector<std::string>{"-5", "7"}));
  EXPECT_EQ(cast_ok(vector_of<bool>({true, false}), DType::string).strings(),
            (std::vector<std::string>{"1", "0"}));
  // What is printed reads back as the same number.
  std::mt19937 random(8);
  std::vector<float> many;
  while (many.size() < 2000)
    if (const float f = std::bit_cast<float>(uint32_t(random())); std::isfinite(f)) many.push_back(f);
  EXPECT_TRUE(cast_ok(cast_ok(vector_of(many), DType::string), DType::f32).same_bits(vector_of(many)));
}

TEST(Cast, RoundsOnceToSmallFloats) {
  // 1.0625 is the tie between 1 and 1.125 in f8e4m3; the excess is below float's precision.
  EXPECT_EQ(doubles(cast_ok(vector_of<double>({1.0625, 1.0625 + 1e-12}), DType::f8e4m3fn)),
            (std::vector<double>{1, 1.125}));
  EXPECT_EQ(doubles(cast_ok(Tensor::of_strings({1}, {"1.062500000001"}), DType::f8e4m3fn)),
            std::vector<double>{1.125});
}

}  // namespace
}  // namespace rekindle
