// Coordinates and weights of resize. Coordinates are in float: at exact ties the choice of the nearest
// element follows from the rounding, and this is the one that models are made with.
// SPDX-License-Identifier: Apache-2.0
#include "math/resize_taps.h"

#include <algorithm>
#include <cmath>

namespace rekindle::ops {

namespace {

/// The length whose last element lies on the last of the input: in * scale, which a scale may leave between
/// two integers.
float aligned_length(const ResizedAxis& a, float in, float out) {
  const float length = a.scale * in;
  return std::fabs(length - out) < 1e-3F ? out : length;
}

float original_coordinate(ResizeCoordinates how, const ResizedAxis& a, int64_t o) {
  const float x = float(o), in = float(a.in), out = float(a.out);
  switch (how) {
    case ResizeCoordinates::half_pixel:
      return (x + 0.5F) / a.scale - 0.5F;
    case ResizeCoordinates::half_pixel_symmetric: {
      const float adjustment = out / (a.scale * in);
      return in / 2 * (1 - adjustment) + (x + 0.5F) / a.scale - 0.5F;
    }
    case ResizeCoordinates::pytorch_half_pixel:
      return a.out > 1 ? (x + 0.5F) / a.scale - 0.5F : 0.0F;
    case ResizeCoordinates::align_corners:
      return aligned_length(a, in, out) > 1 ? x * (in - 1) / (aligned_length(a, in, out) - 1) : 0.0F;
    case ResizeCoordinates::asymmetric:
      return x / a.scale;
    case ResizeCoordinates::tf_crop_and_resize:
      return a.out > 1 ? a.roi_start * (in - 1) + x * (a.roi_end - a.roi_start) * (in - 1) / (out - 1)
                       : 0.5F * (a.roi_start + a.roi_end) * (in - 1);
    case ResizeCoordinates::tf_half_pixel_for_nn:
      return (x + 0.5F) / a.scale;
  }
  return x;
}

float nearest(NearestMode mode, float x) {
  switch (mode) {
    case NearestMode::round_prefer_floor:
      return std::ceil(x - 0.5F);
    case NearestMode::round_prefer_ceil:
      return std::round(x);  // x + 0.5 could itself round up
    case NearestMode::floor:
      return std::floor(x);
    case NearestMode::ceil:
      return std::ceil(x);
  }
  return x;
}

/// The weight of an element at distance d, and how far the weights reach.
double triangle(double d) { return std::max(0.0, 1 - std::fabs(d)); }
double cubic(double d, double a) {
  d = std::fabs(d);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0.0;
}

/// Adds the taps of one output around x; the elements outside are those at the edge, or none when excluded.
void add_weighted(const Resize& op, const ResizedAxis& a, double x, std::vector<Tap>& taps) {
  // When shrinking, antialiasing stretches the filter over all that one output stands for.
  const double stretch = op.antialias ? std::min(double(a.scale), 1.0) : 1.0;
  const double reach = (op.mode == ResizeMode::cubic ? 2 : 1) / stretch;
  const int64_t first = int64_t(std::floor(x - reach)) + 1, last = int64_t(std::ceil(x + reach)) - 1;
  const size_t begin = taps.size();
  double sum = 0;
  for (int64_t i = first; i <= last; ++i) {
    const double distance = (double(i) - x) * stretch;
    const double weight =
        op.mode == ResizeMode::cubic ? cubic(distance, double(op.cubic_coeff_a)) : triangle(distance);
    const bool inside = i >= 0 && i < a.in;
    if (op.exclude_outside && !inside) continue;
    sum += weight;
    const int64_t index = std::clamp<int64_t>(i, 0, a.in - 1);
    if (taps.size() > begin && taps.back().index == index)
      taps.back().weight += weight;
    else
      taps.push_back({index, weight});
  }
  for (size_t t = begin; t < taps.size(); ++t) taps[t].weight /= sum;
}

}  // namespace

AxisTaps make_taps(const Resize& op, const ResizedAxis& a) {
  AxisTaps result;
  result.begin.push_back(0);
  for (int64_t o = 0; o < a.out; ++o) {
    const float x = original_coordinate(op.coordinates, a, o);
    // Far outside, or not a number: any position beyond the edge has the same taps.
    const float far = 2 * float(a.in) + 4, near = std::isnan(x) ? 0 : std::clamp(x, -far, far);
    if (op.mode == ResizeMode::nearest)
      result.taps.push_back({std::clamp<int64_t>(int64_t(nearest(op.nearest_mode, near)), 0, a.in - 1), 1.0});
    else
      add_weighted(op, a, double(near), result.taps);
    result.begin.push_back(result.taps.size());
    result.outside.push_back(op.coordinates == ResizeCoordinates::tf_crop_and_resize &&
                             !(x >= 0 && x <= float(a.in - 1)));
  }
  return result;
}

}  // namespace rekindle::ops
