// What calibration learns of one value: its range in a first pass over the samples, a histogram in a second.
// SPDX-License-Identifier: Apache-2.0
//
// Everything kept is a minimum, a maximum or a count, or a list that is sorted before it is added up: so the
// result depends on neither the order of the samples nor on how they came in batches.
#pragma once
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "base/result.h"

namespace rekindle::quantize {

/// Of larger magnitude are masks ("-inf, but finite") and not data: they stay out of every range.
inline constexpr float kMaskMagnitude = 1e18f;

/// The first pass.
struct ValueRange {
  float low = std::numeric_limits<float>::infinity(), high = -std::numeric_limits<float>::infinity();
  int64_t count = 0, masks = 0, nans = 0;  // elements seen; of those, masks or infinities, and NaNs
  /// Of each sample that had data, its own range.
  std::vector<std::pair<float, float>> samples;

  /// All elements of the value in one sample.
  void add_sample(std::span<const float> values);
  bool has_data() const { return low <= high; }
};

/// The second pass: kBins equal bins over [low, high], and the zeros, which every quantization keeps exactly.
struct Histogram {
  static constexpr int64_t kBins = 2048;
  float low = 0, high = 0;  // low <= 0 <= high, low < high
  int64_t zeros = 0;
  std::vector<int64_t> counts;  // kBins of them; zeros are not among them

  /// Bins for a range that has data, widened to hold zero.
  static Histogram over(const ValueRange& range);
  void add(std::span<const float> values);
  double width() const { return (double(high) - double(low)) / double(kBins); }
  double center(int64_t bin) const { return double(low) + (double(bin) + 0.5) * width(); }
  int64_t total() const;  // without zeros
};

}  // namespace rekindle::quantize
