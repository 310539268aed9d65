// Points and turned rectangles: what lies between a map of text pixels and the strip of picture the
// recognizer reads. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <vector>

namespace ocr_demo {

struct Point {
  float x = 0, y = 0;
};

/// A rectangle at any angle. `along` is the unit vector of its width; its height runs 90 degrees clockwise
/// from it on a picture whose y grows downwards.
struct TurnedRect {
  Point centre;
  Point along{1, 0};
  float width = 0, height = 0;

  /// Top left, top right, bottom right, bottom left, as seen by someone who reads along `along`.
  std::array<Point, 4> corners() const;
  bool contains(Point p) const;
};

/// The corners of the smallest convex polygon around the points, clockwise on a picture (Andrew's monotone
/// chain).
std::vector<Point> convex_hull(std::vector<Point> points);

/// The rectangle of least area around the points: one of its sides lies on a side of their hull. It is turned
/// so that `along` points to the right and the long side is the width, unless the rectangle is clearly taller
/// than wide (ratio >= 1.5 and steeper than 45 degrees), where the text is taken to run downwards.
TurnedRect smallest_rect(const std::vector<Point>& points);

/// Moves each side outwards by area * ratio / perimeter (the "unclip" of differentiable binarization: the
/// network is trained on text shrunk by that much).
TurnedRect expand(TurnedRect rect, float ratio);

}  // namespace ocr_demo
