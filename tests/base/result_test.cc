// Status, Result, Diagnostics and the macros.
// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <gtest/gtest.h>

#include "base/fields.h"

namespace rekindle {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0)
    return Status::error(Code::invalid_argument, std::to_string(n) + " is odd, expected an even number");
  return n / 2;
}
Result<int> quarter(int n) {
  RK_TRY(const int h, half(n));
  return half(h);
}
Status check(int n) {
  RK_CHECK(quarter(n).status());
  return {};
}

TEST(Result, PassesValuesAndErrors) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(6).status().message(), "3 is odd, expected an even number");
  EXPECT_EQ(check(7).code(), Code::invalid_argument);
  EXPECT_TRUE(check(4).ok());
  EXPECT_EQ(Status().to_string(), "ok");
  EXPECT_EQ(Status().message(), "");
}

TEST(Status, KeepsItsTrail) {
  const Status first = half(3).status();
  const Status noted = Status(first).note("while reading x").note("while building y");
  EXPECT_EQ(noted.to_string(), "3 is odd, expected an even number\n  while reading x\n  while building y");
  EXPECT_EQ(first.to_string(), "3 is odd, expected an even number")
      << "a copy that is noted leaves the first alone";
  EXPECT_NE(noted.to_string_with_places().find("result_test.cc:"), std::string::npos);
  EXPECT_TRUE(Status().note("nothing").ok());
}

TEST(Diagnostics, ReportsAllAtOnce) {
  Diagnostics d;
  d.add({});
  EXPECT_TRUE(d.empty());
  EXPECT_TRUE(d.to_status("m").ok());
  d.add(half(1).status());
  EXPECT_EQ(d.to_status("m").message(), "1 is odd, expected an even number");
  for (int i = 0; i < 59; ++i) d.add(half(3).status());
  const std::string text = d.to_status("model").message();
  EXPECT_TRUE(text.starts_with("model has 60 problems:\n  1 is odd"));
  EXPECT_TRUE(text.ends_with("and 10 more"));
}

TEST(AssertionDeathTest, SaysThatItIsOurBug) {
  EXPECT_DEATH(RK_ASSERT(1 == 2, "numbers differ"),
               "internal error: numbers differ .*This is a bug in Rekindle");
}

struct Point {
  int x = 0, y = 0;
  static constexpr auto fields = rekindle::fields("x", &Point::x, "y", &Point::y);
};
struct Nothing {};

TEST(Fields, AreVisitedInOrder) {
  std::string text;
  for_each_field(Point{1, 2}, [&](std::string_view name, int v) {
    text += std::string(name) + "=" + std::to_string(v) + " ";
  });
  EXPECT_EQ(text, "x=1 y=2 ");
  for_each_field(Nothing{}, [](auto, auto) { FAIL(); });
  EXPECT_TRUE(fields_equal(Point{1, 2}, Point{1, 2}));
  EXPECT_FALSE(fields_equal(Point{1, 2}, Point{1, 3}));
}

}  // namespace
}  // namespace rekindle
