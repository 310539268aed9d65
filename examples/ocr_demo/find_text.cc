// Connected text pixels, the least rectangle around each group, its score, and the order of reading.
// SPDX-License-Identifier: Apache-2.0
#include "find_text.h"

#include <algorithm>
#include <cmath>

namespace ocr_demo {
namespace {

/// The corners of all pixels of the group that `start` belongs to (8-neighbourhood); marks them as seen.
std::vector<Point> take_group(const float* map, int width, int height, float threshold, int start,
                              std::vector<char>& seen) {
  std::vector<Point> corners;
  std::vector<int> todo{start};
  seen[start] = 1;
  while (!todo.empty()) {
    const int x = todo.back() % width, y = todo.back() / width;
    todo.pop_back();
    bool inside = true;  // only the rim matters for a hull
    for (int ny = std::max(0, y - 1); ny <= std::min(height - 1, y + 1); ++ny) {
      for (int nx = std::max(0, x - 1); nx <= std::min(width - 1, x + 1); ++nx) {
        const int at = ny * width + nx;
        if (map[at] <= threshold) {
          inside = false;
        } else if (!seen[at]) {
          seen[at] = 1;
          todo.push_back(at);
        }
      }
    }
    if (inside && x > 0 && y > 0 && x < width - 1 && y < height - 1) continue;
    const auto left = static_cast<float>(x), top = static_cast<float>(y);
    corners.insert(corners.end(), {{left, top}, {left + 1, top}, {left, top + 1}, {left + 1, top + 1}});
  }
  return corners;
}

/// The mean of the map over the pixels whose centre a rectangle contains.
float mean_inside(const float* map, int width, int height, const TurnedRect& rect) {
  float left = static_cast<float>(width), right = 0, top = static_cast<float>(height), bottom = 0;
  for (Point corner : rect.corners()) {
    left = std::min(left, corner.x);
    right = std::max(right, corner.x);
    top = std::min(top, corner.y);
    bottom = std::max(bottom, corner.y);
  }
  double sum = 0;
  int count = 0;
  for (int y = std::max(0, static_cast<int>(top)); y < std::min(height, static_cast<int>(std::ceil(bottom)));
       ++y) {
    for (int x = std::max(0, static_cast<int>(left)); x < std::min(width, static_cast<int>(std::ceil(right)));
         ++x) {
      if (!rect.contains({static_cast<float>(x) + 0.5f, static_cast<float>(y) + 0.5f})) continue;
      sum += map[y * width + x];
      ++count;
    }
  }
  return count > 0 ? static_cast<float>(sum / count) : 0;
}

}  // namespace

std::vector<TextBox> find_text(const float* map, int width, int height, const FindTextOptions& options) {
  std::vector<TextBox> boxes;
  std::vector<char> seen(static_cast<size_t>(width) * height, 0);
  for (int start = 0; start < width * height; ++start) {
    if (seen[start] || map[start] <= options.pixel_threshold) continue;
    const TurnedRect rect =
        smallest_rect(take_group(map, width, height, options.pixel_threshold, start, seen));
    if (std::min(rect.width, rect.height) < options.least_side) continue;
    const float score = mean_inside(map, width, height, rect);
    if (score < options.box_threshold) continue;
    const TurnedRect grown = expand(rect, options.unclip_ratio);
    if (std::min(grown.width, grown.height) >= options.least_side + 2) boxes.push_back({grown, score});
  }
  sort_for_reading(boxes);
  return boxes;
}

void sort_for_reading(std::vector<TextBox>& boxes) {
  std::sort(boxes.begin(), boxes.end(),
            [](const TextBox& a, const TextBox& b) { return a.rect.centre.y < b.rect.centre.y; });
  for (size_t begin = 0, end; begin < boxes.size(); begin = end) {
    const TurnedRect& first = boxes[begin].rect;
    end = begin + 1;
    while (end < boxes.size() &&
           boxes[end].rect.centre.y - first.centre.y < std::min(boxes[end].rect.height, first.height) / 2) {
      ++end;
    }
    const auto row = boxes.begin() + static_cast<std::ptrdiff_t>(begin);
    std::sort(row, boxes.begin() + static_cast<std::ptrdiff_t>(end),
              [](const TextBox& a, const TextBox& b) { return a.rect.centre.x < b.rect.centre.x; });
  }
}

}  // namespace ocr_demo
