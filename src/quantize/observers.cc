// Minimum and maximum, percentiles, Kullback-Leibler divergence, squared error.
// SPDX-License-Identifier: Apache-2.0
#include "quantize/observers.h"

#include <algorithm>
#include <cmath>

namespace rekindle::quantize {

namespace {

constexpr double kLevels = 256;          // of an 8-bit integer
constexpr double kOutside = 1e-5;        // share of elements that the percentile lets go
constexpr int64_t kEntropyLevels = 128;  // magnitudes of a signed 8-bit integer

Interval all_of(const Histogram& h) { return {h.low, h.high}; }

Interval average(const ValueRange& range) {
  std::vector<float> lows, highs;
  for (const auto& [low, high] : range.samples) {
    lows.push_back(std::min(low, 0.0f));
    highs.push_back(std::max(high, 0.0f));
  }
  // Sorted, so that the sum's rounding does not depend on the order of the samples.
  std::sort(lows.begin(), lows.end());
  std::sort(highs.begin(), highs.end());
  double low = 0, high = 0;
  for (size_t i = 0; i < lows.size(); ++i) {
    low += double(lows[i]);
    high += double(highs[i]);
  }
  const double n = std::max<double>(double(lows.size()), 1);
  return {float(low / n), float(high / n)};
}

/// Gives up the rarest elements at the ends, from the side where the next bin holds fewer.
Interval percentile(const Histogram& h) {
  auto allowed = int64_t(double(h.total() + h.zeros) * kOutside);
  int64_t first = 0, last = Histogram::kBins - 1;
  while (first < last) {
    const bool at_low = h.center(first)<0, at_high = h.center(last)> 0;
    if (!at_low && !at_high) break;
    const int64_t below = h.counts[size_t(first)], above = h.counts[size_t(last)];
    const bool take_low = at_low && (!at_high || below <= above);
    const int64_t cost = take_low ? below : above;
    if (cost > allowed) break;
    allowed -= cost;
    if (take_low)
      ++first;
    else
      --last;
  }
  return {std::min(float(double(h.low) + double(first) * h.width()), 0.0f),
          std::max(float(double(h.low) + double(last + 1) * h.width()), 0.0f)};
}

/// Counts by magnitude: kBins bins over [0, max(-low, high)].
std::vector<double> magnitudes(const Histogram& h, double largest) {
  std::vector<double> counts(size_t(Histogram::kBins), 0.0);
  for (int64_t i = 0; i < Histogram::kBins; ++i) {
    const auto bin = int64_t(std::fabs(h.center(i)) / largest * double(Histogram::kBins));
    counts[size_t(std::min(bin, Histogram::kBins - 1))] += double(h.counts[size_t(i)]);
  }
  return counts;
}

/// Divergence of the first `n` bins, what is cut off added to the last, from the same in kEntropyLevels
/// levels.
double divergence(const std::vector<double>& counts, int64_t n, double outside, double total) {
  double sum = 0;
  for (int64_t level = 0; level < kEntropyLevels; ++level) {
    const int64_t begin = level * n / kEntropyLevels, end = (level + 1) * n / kEntropyLevels;
    double in_level = 0;
    int64_t filled = 0;
    for (int64_t i = begin; i < end; ++i) {
      in_level += counts[size_t(i)];
      filled += counts[size_t(i)] > 0 || (i == n - 1 && outside > 0);
    }
    if (filled == 0) continue;
    // A cut-off mass that falls into an empty level has no counterpart there: a small one stands for it.
    const double q = std::max(in_level / double(filled), 1e-4) / std::max(total - outside, 1.0);
    for (int64_t i = begin; i < end; ++i) {
      const double p = (counts[size_t(i)] + (i == n - 1 ? outside : 0)) / total;
      if (p > 0) sum += p * std::log(p / q);
    }
  }
  return sum;
}

Interval entropy(const Histogram& h) {
  const double largest = std::max(-double(h.low), double(h.high));
  const std::vector<double> counts = magnitudes(h, largest);
  double total = 0;
  for (const double c : counts) total += c;
  if (total == 0) return all_of(h);
  double best = std::numeric_limits<double>::infinity(), outside = 0;
  int64_t best_bins = Histogram::kBins;
  for (int64_t n = Histogram::kBins; n >= kEntropyLevels; --n) {
    const double d = divergence(counts, n, outside, total);
    if (d < best) best = d, best_bins = n;
    outside += counts[size_t(n - 1)];
  }
  const auto limit = float(largest * double(best_bins) / double(Histogram::kBins));
  return {std::max(h.low, -limit), std::min(h.high, limit)};
}

/// Each end on its own among equal steps inwards, the other end fixed, until neither moves.
Interval least_error(const Histogram& h) {
  constexpr int kSteps = 64;
  Interval best = all_of(h);
  double error = expected_error(h, best);
  for (int round = 0; round < 4; ++round) {
    const Interval before = best;
    for (const bool upper : {true, false}) {
      const float end = upper ? h.high : h.low;
      if (end == 0) continue;
      for (int i = 1; i <= kSteps; ++i) {
        Interval tried = best;
        (upper ? tried.high : tried.low) = end * float(i) / float(kSteps);
        if (const double e = expected_error(h, tried); e < error) error = e, best = tried;
      }
    }
    if (best == before) break;
  }
  return best;
}

}  // namespace

double expected_error(const Histogram& h, const Interval& interval) {
  const double low = double(interval.low), high = double(interval.high);
  const double step = (high - low) / (kLevels - 1);
  double sum = 0;
  for (int64_t i = 0; i < Histogram::kBins; ++i) {
    const auto n = double(h.counts[size_t(i)]);
    if (n == 0) continue;
    const double x = h.center(i);
    const double beyond = x > high ? x - high : x < low ? low - x : 0;
    sum += n * (beyond > 0 ? beyond * beyond : step * step / 12);
  }
  return sum / std::max<double>(double(h.total() + h.zeros), 1);
}

Interval observe(Observer observer, const ValueRange& range, const Histogram& histogram, Observer* chosen) {
  if (chosen) *chosen = observer;
  switch (observer) {
    case Observer::minmax:
      return all_of(histogram);
    case Observer::average:
      return average(range);
    case Observer::percentile:
      return percentile(histogram);
    case Observer::entropy:
      return entropy(histogram);
    case Observer::mse:
      return least_error(histogram);
    case Observer::automatic:
      break;
  }
  Interval best = all_of(histogram);
  Observer which = Observer::minmax;
  double error = expected_error(histogram, best);
  for (const Observer o : {Observer::average, Observer::percentile, Observer::entropy, Observer::mse}) {
    const Interval interval = observe(o, range, histogram);
    if (!(interval.low < interval.high)) continue;
    if (const double e = expected_error(histogram, interval); e < error)
      error = e, best = interval, which = o;
  }
  if (chosen) *chosen = which;
  return best;
}

}  // namespace rekindle::quantize
