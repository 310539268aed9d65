// Boxes found in maps drawn by hand.
// SPDX-License-Identifier: Apache-2.0
#include "ocr_demo/find_text.h"

#include <gtest/gtest.h>

namespace ocr_demo {
namespace {

struct Map {
  int width, height;
  std::vector<float> values = std::vector<float>(static_cast<size_t>(width) * height, 0.01f);

  void fill(int left, int top, int right, int bottom, float value) {
    for (int y = top; y < bottom; ++y) {
      for (int x = left; x < right; ++x) values[static_cast<size_t>(y) * width + x] = value;
    }
  }
  std::vector<TextBox> boxes(const FindTextOptions& options = {}) const {
    return find_text(values.data(), width, height, options);
  }
};

TEST(FindText, EmptyMapHasNone) { EXPECT_TRUE((Map{64, 32}.boxes().empty())); }

TEST(FindText, BoxAroundOneBarGrowsByUnclip) {
  Map map{100, 60};
  map.fill(20, 20, 80, 30, 0.9f);
  const auto boxes = map.boxes();
  ASSERT_EQ(boxes.size(), 1u);
  const float grown = 2 * 600 * 1.6f / 140;
  EXPECT_NEAR(boxes[0].rect.width, 60 + grown, 1e-3);
  EXPECT_NEAR(boxes[0].rect.height, 10 + grown, 1e-3);
  EXPECT_NEAR(boxes[0].rect.centre.x, 50, 1e-4);
  EXPECT_NEAR(boxes[0].rect.centre.y, 25, 1e-4);
  EXPECT_NEAR(boxes[0].score, 0.9f, 1e-5);
}

TEST(FindText, WeakAndTinyGroupsAreLeftOut) {
  Map map{100, 60};
  map.fill(20, 20, 80, 30, 0.4f);  // above the pixel threshold, below the box threshold
  map.fill(5, 50, 7, 52, 0.9f);    // two pixels
  EXPECT_TRUE(map.boxes().empty());
  EXPECT_EQ(map.boxes({.box_threshold = 0.35f}).size(), 1u);
}

TEST(FindText, TouchingAtACornerIsOneGroup) {
  Map map{60, 60};
  map.fill(10, 10, 20, 20, 0.9f);
  map.fill(20, 20, 30, 30, 0.9f);
  EXPECT_EQ(map.boxes({.box_threshold = 0.3f}).size(), 1u);
}

TEST(FindText, GroupsAtTheBorderStayWhole) {
  Map map{40, 20};
  map.fill(0, 0, 40, 20, 0.8f);
  const auto boxes = map.boxes({.unclip_ratio = 0});
  ASSERT_EQ(boxes.size(), 1u);
  EXPECT_NEAR(boxes[0].rect.width, 40, 1e-3);
  EXPECT_NEAR(boxes[0].rect.height, 20, 1e-3);
}

TEST(FindText, ReadsRowByRow) {
  Map map{200, 100};
  map.fill(110, 20, 180, 30, 0.9f);  // right half of the first row, a little higher
  map.fill(10, 22, 90, 32, 0.9f);
  map.fill(60, 60, 150, 70, 0.9f);
  const auto boxes = map.boxes();
  ASSERT_EQ(boxes.size(), 3u);
  EXPECT_LT(boxes[0].rect.centre.x, 60);
  EXPECT_GT(boxes[1].rect.centre.x, 120);
  EXPECT_GT(boxes[2].rect.centre.y, 60);
}

}  // namespace
}  // namespace ocr_demo
