// Convex hulls and least-area rectangles.
// SPDX-License-Identifier: Apache-2.0
#include "geometry.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ocr_demo {
namespace {

float cross(Point origin, Point a, Point b) {
  return (a.x - origin.x) * (b.y - origin.y) - (a.y - origin.y) * (b.x - origin.x);
}

float dot(Point a, Point b) { return a.x * b.x + a.y * b.y; }

/// The rectangle around the points whose width runs along a unit vector.
TurnedRect rect_along(const std::vector<Point>& points, Point along) {
  const Point down{-along.y, along.x};
  float left = std::numeric_limits<float>::max(), right = -left, top = left, bottom = -left;
  for (Point p : points) {
    left = std::min(left, dot(p, along));
    right = std::max(right, dot(p, along));
    top = std::min(top, dot(p, down));
    bottom = std::max(bottom, dot(p, down));
  }
  const float u = (left + right) / 2, v = (top + bottom) / 2;
  return {{u * along.x + v * down.x, u * along.y + v * down.y}, along, right - left, bottom - top};
}

/// The same rectangle, its width being the direction one reads in.
TurnedRect turn_to_read(TurnedRect rect) {
  if (std::abs(rect.along.x) < std::abs(rect.along.y)) {  // take the side that is nearer to the horizontal
    rect.along = {-rect.along.y, rect.along.x};
    std::swap(rect.width, rect.height);
  }
  if (rect.along.x < 0) rect.along = {-rect.along.x, -rect.along.y};
  if (rect.height >= 1.5f * rect.width) {  // a column: read it downwards
    rect.along = {-rect.along.y, rect.along.x};
    std::swap(rect.width, rect.height);
  }
  return rect;
}

}  // namespace

std::array<Point, 4> TurnedRect::corners() const {
  const Point right{along.x * width / 2, along.y * width / 2};
  const Point down{-along.y * height / 2, along.x * height / 2};
  return {{{centre.x - right.x - down.x, centre.y - right.y - down.y},
           {centre.x + right.x - down.x, centre.y + right.y - down.y},
           {centre.x + right.x + down.x, centre.y + right.y + down.y},
           {centre.x - right.x + down.x, centre.y - right.y + down.y}}};
}

bool TurnedRect::contains(Point p) const {
  const Point offset{p.x - centre.x, p.y - centre.y};
  return std::abs(dot(offset, along)) <= width / 2 &&
         std::abs(dot(offset, {-along.y, along.x})) <= height / 2;
}

std::vector<Point> convex_hull(std::vector<Point> points) {
  std::sort(points.begin(), points.end(),
            [](Point a, Point b) { return a.x < b.x || (a.x == b.x && a.y < b.y); });
  std::vector<Point> hull;
  for (int pass = 0; pass < 2; ++pass) {  // one side, then the other over the reversed points
    const size_t begin = hull.size();
    for (Point p : points) {
      while (hull.size() >= begin + 2 && cross(hull[hull.size() - 2], hull.back(), p) <= 0) hull.pop_back();
      hull.push_back(p);
    }
    if (!hull.empty()) hull.pop_back();  // it begins the other side
    std::reverse(points.begin(), points.end());
  }
  if (hull.empty() && !points.empty()) hull.push_back(points.front());
  return hull;
}

TurnedRect smallest_rect(const std::vector<Point>& points) {
  const std::vector<Point> hull = convex_hull(points);
  TurnedRect best = rect_along(hull, {1, 0});
  for (size_t i = 0; i < hull.size(); ++i) {
    const Point from = hull[i], to = hull[(i + 1) % hull.size()];
    const float length = std::hypot(to.x - from.x, to.y - from.y);
    if (length == 0) continue;
    const TurnedRect rect = rect_along(hull, {(to.x - from.x) / length, (to.y - from.y) / length});
    if (rect.width * rect.height < best.width * best.height) best = rect;
  }
  return turn_to_read(best);
}

TurnedRect expand(TurnedRect rect, float ratio) {
  const float perimeter = 2 * (rect.width + rect.height);
  const float distance = perimeter > 0 ? rect.width * rect.height * ratio / perimeter : 0;
  rect.width += 2 * distance;
  rect.height += 2 * distance;
  return rect;
}

}  // namespace ocr_demo
