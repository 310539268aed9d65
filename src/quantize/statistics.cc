// Counting.
// SPDX-License-Identifier: Apache-2.0
#include "quantize/statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace rekindle::quantize {

void ValueRange::add_sample(std::span<const float> values) {
  float least = std::numeric_limits<float>::infinity(), most = -least;
  for (const float x : values) {
    if (std::isnan(x)) {
      ++nans;
    } else if (std::fabs(x) >= kMaskMagnitude) {
      ++masks;
    } else {
      least = std::min(least, x);
      most = std::max(most, x);
    }
  }
  count += int64_t(values.size());
  if (least > most) return;
  low = std::min(low, least);
  high = std::max(high, most);
  samples.emplace_back(least, most);
}

Histogram Histogram::over(const ValueRange& range) {
  Histogram h;
  h.low = std::min(range.low, 0.0f);
  h.high = std::max(range.high, 0.0f);
  if (!(h.low < h.high)) h.high = std::nextafter(h.low, 1.0f);  // all zeros
  h.counts.assign(size_t(kBins), 0);
  return h;
}

void Histogram::add(std::span<const float> values) {
  const double scale = double(kBins) / (double(high) - double(low));
  for (const float x : values) {
    if (x == 0) {
      ++zeros;
    } else if (std::fabs(x) < kMaskMagnitude) {  // false for NaN
      const auto bin = int64_t((double(x) - double(low)) * scale);
      ++counts[size_t(std::clamp(bin, int64_t(0), kBins - 1))];
    }
  }
}

int64_t Histogram::total() const { return std::accumulate(counts.begin(), counts.end(), int64_t(0)); }

}  // namespace rekindle::quantize
