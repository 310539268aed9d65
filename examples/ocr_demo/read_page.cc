// Scales between the picture, the detector's map and the recognizer's strips.
// SPDX-License-Identifier: Apache-2.0
#include "read_page.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace ocr_demo {
namespace {

constexpr int kStripHeight = 48, kStripStep = 8, kLongestStrip = 2048;
// In the order blue, green, red: the detector saw ImageNet's statistics, the recognizer values in [-1, 1].
constexpr Normalization kDetectorScale{{0.406f, 0.456f, 0.485f}, {0.225f, 0.224f, 0.229f}};
constexpr Normalization kRecognizerScale{{0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}};

TurnedRect whole(const Picture& picture) {
  const auto width = static_cast<float>(picture.width), height = static_cast<float>(picture.height);
  return {{width / 2, height / 2}, {1, 0}, width, height};
}

int multiple_of_32(float side) { return std::max(32, static_cast<int>(std::lround(side / 32)) * 32); }

void check(const Output& output, const std::vector<int64_t>& expected, const std::string& network) {
  bool same = output.shape.size() == expected.size();
  size_t count = 1;
  for (size_t i = 0; same && i < expected.size(); ++i) {
    same = output.shape[i] > 0 && (expected[i] < 0 || output.shape[i] == expected[i]);
    count *= static_cast<size_t>(output.shape[i]);
  }
  if (!same || output.values.size() != count)
    throw std::runtime_error(network + ": its output has not the shape that this demo expects");
}

}  // namespace

Planes detector_input(const Picture& picture, int longest_side) {
  const auto width = static_cast<float>(picture.width), height = static_cast<float>(picture.height);
  const float scale = std::min(1.0f, static_cast<float>(longest_side) / std::max(width, height));
  return cut_planes(picture, whole(picture), multiple_of_32(width * scale), multiple_of_32(height * scale),
                    kDetectorScale);
}

Planes recognizer_input(const Picture& picture, const TurnedRect& rect) {
  const float width = kStripHeight * rect.width / std::max(1.0f, rect.height);
  const int steps = static_cast<int>(std::ceil(std::min(width, 1.0f * kLongestStrip) / kStripStep));
  return cut_planes(picture, rect, std::max(2, steps) * kStripStep, kStripHeight, kRecognizerScale);
}

std::vector<Line> read_page(const Picture& picture, const Network& detector, const Network& recognizer,
                            const std::vector<std::string>& alphabet) {
  const Planes input = detector_input(picture);
  const Output map = detector(input);
  check(map, {1, 1, input.height, input.width}, "detector");
  const float across = static_cast<float>(picture.width) / static_cast<float>(input.width);
  const float down = static_cast<float>(picture.height) / static_cast<float>(input.height);
  std::vector<Line> lines;
  for (const TextBox& box : find_text(map.values.data(), input.width, input.height)) {
    // The two scales differ by rounding to 32 only, which does not bend a line of text noticeably.
    const TurnedRect rect{{box.rect.centre.x * across, box.rect.centre.y * down},
                          box.rect.along,
                          box.rect.width * (std::abs(box.rect.along.x) > 0.7f ? across : down),
                          box.rect.height * (std::abs(box.rect.along.x) > 0.7f ? down : across)};
    const Output steps = recognizer(recognizer_input(picture, rect));
    check(steps, {1, -1, -1}, "recognizer");
    Reading reading = ctc_decode(steps.values.data(), static_cast<int>(steps.shape[1]),
                                 static_cast<int>(steps.shape[2]), alphabet);
    if (!reading.text.empty()) lines.push_back({rect, std::move(reading)});
  }
  return lines;
}

}  // namespace ocr_demo
