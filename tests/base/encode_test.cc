// Encoder and Decoder: round trips, and that no input is trusted.
// SPDX-License-Identifier: Apache-2.0
#include "base/encode.h"

#include <gtest/gtest.h>

#include <array>

namespace rekindle {
namespace {

enum class Color : uint8_t { red, green, blue };
constexpr std::array kColorNames{std::string_view("red"), std::string_view("green"),
                                 std::string_view("blue")};
constexpr const auto& enum_names(Color) { return kColorNames; }

struct Inner {
  int32_t a = 0;
  std::string text;
  static constexpr auto fields = rekindle::fields("a", &Inner::a, "text", &Inner::text);
  bool operator==(const Inner&) const = default;
};
struct Outer {
  Color color = Color::red;
  bool flag = false;
  double ratio = 0;
  std::vector<Inner> inners;
  std::optional<int64_t> maybe;
  static constexpr auto fields =
      rekindle::fields("color", &Outer::color, "flag", &Outer::flag, "ratio", &Outer::ratio, "inners",
                       &Outer::inners, "maybe", &Outer::maybe);
  bool operator==(const Outer&) const = default;
};
/// Holds itself: what nesting limits are for.
struct Chain {
  std::vector<Chain> next;
  static constexpr auto fields = rekindle::fields("next", &Chain::next);
};

const Outer kSample{Color::blue, true, 2.5, {{1, "x"}, {-2, ""}}, 7};

TEST(Encode, RoundTrips) {
  EXPECT_EQ(*from_bytes<Outer>(to_bytes(kSample)), kSample);
  EXPECT_EQ(*from_bytes<Outer>(to_bytes(Outer())), Outer());
  EXPECT_EQ(*from_bytes<std::vector<bool>>(to_bytes(std::vector<bool>{true, false})),
            (std::vector<bool>{true, false}));
}

TEST(Encode, TruncationAtEveryByteIsAnError) {
  const std::string bytes = to_bytes(kSample);
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    const Result<Outer> r = from_bytes<Outer>(bytes.substr(0, cut));
    ASSERT_FALSE(r.ok());
    EXPECT_EQ(r.status().code(), Code::data_loss);
  }
  EXPECT_EQ(from_bytes<Outer>(bytes + "xy").status().message(), "2 bytes are left over");
}

TEST(Encode, FlippedBitsNeverCrash) {
  const std::string bytes = to_bytes(kSample);
  for (size_t at = 0; at < bytes.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = bytes;
      flipped[at] = char(flipped[at] ^ (1 << bit));
      (void)from_bytes<Outer>(flipped);
    }
}

TEST(Encode, WrongValuesAreNamed) {
  EXPECT_EQ(from_bytes<Color>(std::string(1, '\3')).status().message(), "an enum is 3, outside its values");
  EXPECT_EQ(from_bytes<bool>(std::string(1, '\2')).status().message(), "a boolean is 2, expected 0 or 1");
  EXPECT_EQ(from_bytes<std::string>("\xff\xff\xff\xff").status().message(),
            "a string of 4294967295 bytes runs past the end");
  EXPECT_EQ(from_bytes<std::vector<Inner>>("\xff\xff\xff\x7f").status().message(),
            "a list of 2147483647 runs past the end");
}

TEST(Encode, NestingIsLimited) {
  std::string bytes;
  for (int i = 0; i < 100000; ++i) bytes += std::string("\1\0\0\0", 4);
  EXPECT_EQ(from_bytes<Chain>(bytes + std::string(4, '\0')).status().message(),
            "values are nested deeper than 64");
}

}  // namespace
}  // namespace rekindle
