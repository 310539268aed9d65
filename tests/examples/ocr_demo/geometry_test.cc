// Hulls and least-area rectangles, against shapes whose answer is known.
// SPDX-License-Identifier: Apache-2.0
#include "ocr_demo/geometry.h"

#include <gtest/gtest.h>

#include <cmath>

namespace ocr_demo {
namespace {

constexpr float kPi = 3.14159265f;

/// The corners of a rectangle turned by an angle in degrees.
std::vector<Point> turned(float width, float height, float degrees) {
  const TurnedRect rect{
      {50, 40}, {std::cos(degrees * kPi / 180), std::sin(degrees * kPi / 180)}, width, height};
  const auto corners = rect.corners();
  return {corners.begin(), corners.end()};
}

TEST(ConvexHull, LeavesOutWhatIsInside) {
  EXPECT_EQ(convex_hull({{0, 0}, {4, 0}, {4, 3}, {0, 3}, {2, 1}, {1, 1}, {2, 0}}).size(), 4u);
}

TEST(ConvexHull, TakesFewPoints) {
  EXPECT_EQ(convex_hull({}).size(), 0u);
  EXPECT_EQ(convex_hull({{1, 2}}).size(), 1u);
  EXPECT_EQ(convex_hull({{1, 2}, {3, 4}, {2, 3}}).size(), 2u);
}

TEST(SmallestRect, FindsTurnedRectangles) {
  for (float degrees : {0.0f, 5.0f, -12.0f, 30.0f}) {
    const TurnedRect rect = smallest_rect(turned(60, 10, degrees));
    EXPECT_NEAR(rect.width, 60, 0.01) << degrees;
    EXPECT_NEAR(rect.height, 10, 0.01) << degrees;
    EXPECT_NEAR(rect.centre.x, 50, 0.01) << degrees;
    EXPECT_NEAR(rect.centre.y, 40, 0.01) << degrees;
    EXPECT_NEAR(std::atan2(rect.along.y, rect.along.x) * 180 / kPi, degrees, 0.1);
  }
}

TEST(SmallestRect, ReadsColumnsDownwards) {
  const TurnedRect rect = smallest_rect(turned(10, 60, 0));
  EXPECT_NEAR(rect.width, 60, 0.01);
  EXPECT_NEAR(rect.along.y, 1, 1e-5);
}

TEST(SmallestRect, OfOnePointIsEmpty) { EXPECT_EQ(smallest_rect({{3, 4}}).width, 0); }

TEST(TurnedRect, ContainsItsInside) {
  const TurnedRect rect = smallest_rect(turned(60, 10, 30));
  EXPECT_TRUE(rect.contains({50, 40}));
  EXPECT_TRUE(rect.contains({50 + 25 * std::cos(kPi / 6), 40 + 25 * std::sin(kPi / 6)}));
  EXPECT_FALSE(rect.contains({75, 40}));
}

TEST(Expand, MovesSidesByAreaOverPerimeter) {
  const TurnedRect rect = expand({{0, 0}, {1, 0}, 100, 20}, 1.5f);
  EXPECT_NEAR(rect.width, 100 + 2 * 1.5 * 2000 / 240, 1e-3);
  EXPECT_NEAR(rect.height, 20 + 2 * 1.5 * 2000 / 240, 1e-3);
  EXPECT_EQ(expand({}, 1.5f).width, 0);
}

}  // namespace
}  // namespace ocr_demo
