// The reader with two networks made by hand: one marks dark pixels, one always reads the same word.
// SPDX-License-Identifier: Apache-2.0
#include "ocr_demo/read_page.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace ocr_demo {
namespace {

Picture paper_with_bar(int width, int height, int left, int top, int right, int bottom) {
  Picture picture{width, height, std::vector<uint8_t>(size_t{3} * width * height, 255)};
  for (int y = top; y < bottom; ++y) {
    for (int x = 3 * left; x < 3 * right; ++x) picture.rgb[size_t{3} * y * width + x] = 0;
  }
  return picture;
}

Output mark_dark(const Planes& input) {
  Output output{{1, 1, input.height, input.width}, {}};
  for (int i = 0; i < input.width * input.height; ++i)
    output.values.push_back(input.values[i] < 0 ? 0.95f : 0.0f);
  return output;
}

Output read_ab(const Planes&) { return {{1, 3, 4}, {0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0}}; }

const std::vector<std::string> kAlphabet = {"", "a", "b", " "};

TEST(DetectorInput, SidesAreMultiplesOf32) {
  const Planes small = detector_input(Picture{100, 50, std::vector<uint8_t>(15000)});
  EXPECT_EQ(small.width, 96);
  EXPECT_EQ(small.height, 64);
  const Planes large = detector_input(Picture{1920, 960, std::vector<uint8_t>(size_t{3} * 1920 * 960)});
  EXPECT_EQ(large.width, 960);
  EXPECT_EQ(large.height, 480);
}

TEST(RecognizerInput, WidthFollowsTheShape) {
  const Picture picture{300, 50, std::vector<uint8_t>(45000)};
  const Planes strip = recognizer_input(picture, {{150, 25}, {1, 0}, 200, 40});
  EXPECT_EQ(strip.height, 48);
  EXPECT_EQ(strip.width, 240);
  EXPECT_EQ(recognizer_input(picture, {{150, 25}, {1, 0}, 1e6f, 1}).width, 2048);
  EXPECT_EQ(recognizer_input(picture, {{150, 25}, {1, 0}, 1, 40}).width, 16);
}

TEST(ReadPage, FindsTheBarWhereItIs) {
  const Picture picture = paper_with_bar(320, 160, 100, 60, 220, 90);
  const auto lines = read_page(picture, mark_dark, read_ab, kAlphabet);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].reading.text, "ab");
  EXPECT_NEAR(lines[0].rect.centre.x, 160, 1);
  EXPECT_NEAR(lines[0].rect.centre.y, 75, 1);
}

TEST(ReadPage, ScalesBackToThePicture) {
  const Picture picture = paper_with_bar(1920, 960, 600, 360, 1320, 540);
  const auto lines = read_page(picture, mark_dark, read_ab, kAlphabet);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NEAR(lines[0].rect.centre.x, 960, 2);
  EXPECT_NEAR(lines[0].rect.centre.y, 450, 2);
}

TEST(ReadPage, LeavesOutEmptyReadings) {
  const auto blank = [](const Planes&) { return Output{{1, 2, 4}, {1, 0, 0, 0, 1, 0, 0, 0}}; };
  EXPECT_TRUE(read_page(paper_with_bar(320, 160, 100, 60, 220, 90), mark_dark, blank, kAlphabet).empty());
}

TEST(ReadPage, RefusesOtherShapes) {
  const auto wrong = [](const Planes&) { return Output{{1, 2, 3, 4}, std::vector<float>(24)}; };
  const Picture picture = paper_with_bar(320, 160, 100, 60, 220, 90);
  EXPECT_THROW(read_page(picture, wrong, read_ab, kAlphabet), std::runtime_error);
  EXPECT_THROW(read_page(picture, mark_dark, wrong, kAlphabet), std::runtime_error);
}

}  // namespace
}  // namespace ocr_demo
