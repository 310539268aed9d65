// Picture files, cutting and drawing.
// SPDX-License-Identifier: Apache-2.0
#include "ocr_demo/picture.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "ocr_demo/draw.h"

namespace ocr_demo {
namespace {

constexpr Normalization kPlain{{0, 0, 0}, {1, 1, 1}};

/// Red grows to the right, green downwards, blue is 100 everywhere.
Picture gradient(int width, int height) {
  Picture picture{width, height, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      picture.rgb.insert(picture.rgb.end(), {static_cast<uint8_t>(x), static_cast<uint8_t>(y), 100});
    }
  }
  return picture;
}

TurnedRect whole(float width, float height) { return {{width / 2, height / 2}, {1, 0}, width, height}; }

TEST(LoadPicture, ReadsTheSample) {
  const Picture picture = load_picture(RK_SOURCE_DIR "/examples/ocr_demo/sample.png");
  EXPECT_EQ(picture.width, 960);
  EXPECT_EQ(picture.height, 640);
}

TEST(LoadPicture, SaysWhatIsWrong) {
  const auto path = std::filesystem::temp_directory_path() / "rekindle_not_a_picture.png";
  std::ofstream(path) << "not a picture";
  EXPECT_THROW(load_picture(path.string()), std::runtime_error);
  EXPECT_THROW(load_picture((path / "absent").string()), std::runtime_error);
  std::filesystem::remove(path);
}

TEST(SavePng, RoundTrip) {
  const auto path = std::filesystem::temp_directory_path() / "rekindle_round_trip.png";
  const Picture picture = gradient(31, 17);
  save_png(picture, path.string());
  EXPECT_EQ(load_picture(path.string()).rgb, picture.rgb);
  std::filesystem::remove(path);
  EXPECT_THROW(save_png(picture, "/nonexistent/picture.png"), std::runtime_error);
}

TEST(CutPlanes, SameSizeIsExactAndBlueComesFirst) {
  const Planes planes = cut_planes(gradient(8, 4), whole(8, 4), 8, 4, kPlain);
  ASSERT_EQ(planes.values.size(), 3u * 8 * 4);
  EXPECT_NEAR(planes.values[0], 100 / 255.0, 1e-6);                    // blue
  EXPECT_NEAR(planes.values[8 * 4 + 2 * 8 + 5], 2 / 255.0, 1e-6);      // green at (5, 2)
  EXPECT_NEAR(planes.values[2 * 8 * 4 + 2 * 8 + 5], 5 / 255.0, 1e-6);  // red at (5, 2)
}

TEST(CutPlanes, NormalizesEachPlane) {
  const Planes planes = cut_planes(gradient(8, 4), whole(8, 4), 8, 4, {{0.1f, 0, 0}, {0.5f, 1, 1}});
  EXPECT_NEAR(planes.values[0], (100 / 255.0 - 0.1) / 0.5, 1e-6);
}

TEST(CutPlanes, HalfSizeAveragesFourPixels) {
  const Planes planes = cut_planes(gradient(8, 4), whole(8, 4), 4, 2, kPlain);
  EXPECT_NEAR(planes.values[2 * 4 * 2 + 1], 2.5 / 255, 1e-6);  // red of the pixels 2 and 3
}

TEST(CutPlanes, AQuarterTurnReadsDownwards) {
  const TurnedRect down{{4, 2}, {0, 1}, 4, 8};
  const Planes planes = cut_planes(gradient(8, 4), down, 4, 8, kPlain);
  EXPECT_NEAR(planes.values[4 * 8 + 3], 3 / 255.0, 1e-5);  // green grows along the strip
  EXPECT_NEAR(planes.values[2 * 4 * 8], 7 / 255.0, 1e-5);  // red starts at the right border
}

TEST(CutPlanes, OutsideRepeatsTheBorder) {
  const Planes planes = cut_planes(gradient(8, 4), {{-10, 2}, {1, 0}, 4, 4}, 4, 4, kPlain);
  EXPECT_NEAR(planes.values[2 * 16], 0, 1e-6);
}

TEST(Draw, StaysInsideThePicture) {
  Picture picture = gradient(40, 20);
  draw_outline(picture, {{0, 0}, {1, 0}, 100, 10}, {255, 0, 0});
  draw_label(picture, {-5, -3},
             "A\u00E9"
             "b",
             {0, 255, 0});
  draw_label(picture, {38, 18}, "outside", {0, 255, 0});
  EXPECT_NE(picture.rgb, gradient(40, 20).rgb);
}

}  // namespace
}  // namespace ocr_demo
