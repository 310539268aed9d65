// What each observer makes of values whose best range is known.
// SPDX-License-Identifier: Apache-2.0
#include "quantize/observers.h"

#include <gtest/gtest.h>

#include <random>

namespace rekindle::quantize {
namespace {

struct Counted {
  ValueRange range;
  Histogram histogram;
};

Counted count(const std::vector<std::vector<float>>& samples) {
  Counted c;
  for (const auto& s : samples) c.range.add_sample(s);
  c.histogram = Histogram::over(c.range);
  for (const auto& s : samples) c.histogram.add(s);
  return c;
}

/// Ten thousand normal numbers, and one far away.
std::vector<float> with_outlier(float outlier) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  std::vector<float> values;
  for (int i = 0; i < 100000; ++i) values.push_back(normal(random));
  values.push_back(outlier);
  return values;
}

TEST(Observers, MinmaxKeepsAll) {
  const Counted c = count({{-1, 2}, {0.5f, 3}});
  EXPECT_EQ(observe(Observer::minmax, c.range, c.histogram), (Interval{-1, 3}));
}

TEST(Observers, AverageOfTheSamplesRanges) {
  const Counted c = count({{-1, 2}, {-3, 4}});
  EXPECT_EQ(observe(Observer::average, c.range, c.histogram), (Interval{-2, 3}));
}

TEST(Observers, OutliersAreGivenUp) {
  const Counted c = count({with_outlier(1000)});
  for (const Observer o : {Observer::percentile, Observer::entropy}) {
    const Interval i = observe(o, c.range, c.histogram);
    // Entropy keeps at least as many bins as it has levels: 128 of 2,048.
    EXPECT_LT(i.high, o == Observer::entropy ? 80 : 20) << enum_names(o)[size_t(o)];
    EXPECT_GT(i.high, 0.4f) << enum_names(o)[size_t(o)];
    EXPECT_LT(i.low, 0);
  }
}

TEST(Observers, OneOutlierThatCostsMoreThanItsRoomIsKept) {
  // Clipping 100 to 5 costs 9,025 / 1e5; the step of 105 / 255 costs (0.41^2)/12 for each of the others.
  const Counted c = count({with_outlier(100)});
  const Interval i = observe(Observer::mse, c.range, c.histogram);
  EXPECT_GT(i.high, 50);
}

TEST(Observers, AutomaticIsNeverWorseThanAny) {
  for (const float outlier : {3.0f, 20.0f, 100.0f, 1000.0f}) {
    const Counted c = count({with_outlier(outlier)});
    Observer chosen = Observer::automatic;
    const double best =
        expected_error(c.histogram, observe(Observer::automatic, c.range, c.histogram, &chosen));
    EXPECT_NE(chosen, Observer::automatic);
    for (const Observer o :
         {Observer::minmax, Observer::average, Observer::percentile, Observer::entropy, Observer::mse})
      EXPECT_LE(best, expected_error(c.histogram, observe(o, c.range, c.histogram)));
  }
}

TEST(Observers, RangesHoldZero) {
  const Counted c = count({{2, 3, 4}, {5, 6, 7}});
  for (const Observer o :
       {Observer::minmax, Observer::average, Observer::percentile, Observer::entropy, Observer::mse})
    EXPECT_EQ(observe(o, c.range, c.histogram).low, 0);
}

TEST(Statistics, MasksStayOut) {
  const Counted c = count({{-3.4e38f, 1, -std::numeric_limits<float>::infinity(), 2}});
  EXPECT_EQ(c.range.masks, 2);
  EXPECT_EQ(observe(Observer::minmax, c.range, c.histogram), (Interval{0, 2}));
  EXPECT_EQ(c.histogram.total(), 2);
}

TEST(Statistics, OrderDoesNotMatter) {
  const std::vector<std::vector<float>> samples{{-1, 2, 0.1f}, {0.3f, 5}, {-0.7f, 1e-3f}};
  const Counted a = count({samples[0], samples[1], samples[2]}),
                b = count({samples[2], samples[0], samples[1]});
  EXPECT_EQ(a.histogram.counts, b.histogram.counts);
  for (const Observer o : {Observer::average, Observer::percentile, Observer::entropy, Observer::mse})
    EXPECT_EQ(observe(o, a.range, a.histogram), observe(o, b.range, b.histogram));
}

}  // namespace
}  // namespace rekindle::quantize
