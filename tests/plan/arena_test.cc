// The arena planner: layouts by hand, and properties that hold for every layout.
// SPDX-License-Identifier: Apache-2.0
#include "plan/arena.h"

#include <gtest/gtest.h>

#include <chrono>
#include <random>

namespace rekindle {
namespace {

ArenaLayout placed(const std::vector<ArenaRequest>& requests) {
  ArenaPlanner planner;
  ArenaLayout layout;
  planner.place(requests, layout);
  return layout;
}

/// Buffers as a network of `steps` steps makes them: each lives for a few steps, some for many.
std::vector<ArenaRequest> random_requests(std::mt19937& random, uint32_t count, uint32_t steps) {
  std::vector<ArenaRequest> requests(count);
  for (ArenaRequest& r : requests) {
    r.bytes = int64_t(1) << (random() % 20);
    r.bytes += int64_t(random() % 1000);
    if (random() % 20 == 0) r.bytes = 0;
    r.first = random() % steps;
    r.last = std::min(steps - 1, r.first + uint32_t(random() % (random() % 10 == 0 ? steps : 4)));
  }
  return requests;
}

void expect_no_overlap(const std::vector<ArenaRequest>& requests, const ArenaLayout& layout) {
  ASSERT_EQ(layout.offsets.size(), requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_GE(layout.offsets[i], 0);
    EXPECT_EQ(layout.offsets[i] % kArenaAlignment, 0);
    EXPECT_LE(layout.offsets[i] + requests[i].bytes, layout.bytes);
    for (size_t j = 0; j < i; ++j) {
      const bool together = requests[i].first <= requests[j].last && requests[j].first <= requests[i].last;
      const bool apart = layout.offsets[i] + requests[i].bytes <= layout.offsets[j] ||
                         layout.offsets[j] + requests[j].bytes <= layout.offsets[i];
      EXPECT_TRUE(!together || apart) << "buffers " << i << " and " << j;
    }
  }
}

TEST(ArenaPlanner, BuffersThatNeverMeetShareTheirPlace) {
  const ArenaLayout layout = placed({{100, 0, 1}, {100, 2, 3}, {100, 1, 2}});
  EXPECT_EQ(layout.offsets, (std::vector<int64_t>{0, 0, 128}));
  EXPECT_EQ(layout.bytes, 256);
}

TEST(ArenaPlanner, TakesTheSmallestGapThatFits) {
  // The 2nd and 4th die after step 0 and leave gaps of 512 at 640 and of 384 at 1600; the last needs 320.
  const std::vector<ArenaRequest> requests{{640, 0, 9}, {512, 0, 0}, {448, 0, 9},
                                           {384, 0, 0}, {321, 0, 9}, {300, 5, 5}};
  EXPECT_EQ(placed(requests).offsets, (std::vector<int64_t>{0, 640, 1152, 1600, 1984, 1600}));
}

TEST(ArenaPlanner, NothingNeedsNothing) {
  EXPECT_EQ(placed({}).bytes, 0);
  EXPECT_EQ(placed({{0, 0, 5}, {0, 0, 5}}).bytes, 0);
  EXPECT_EQ(arena_lower_bound({}), 0);
}

TEST(ArenaPlanner, LowerBoundIsTheMostAliveAtOnce) {
  const std::vector<ArenaRequest> requests{{64, 0, 1}, {64, 1, 2}, {64, 2, 3}, {128, 3, UINT32_MAX}};
  EXPECT_EQ(arena_lower_bound(requests), 192);
}

TEST(ArenaPlanner, NoOverlapAndCloseToTheLowerBoundOnRandomPlans) {
  std::mt19937 random(7);
  double sum_of_ratios = 0;
  constexpr int kRounds = 200;
  for (int round = 0; round < kRounds; ++round) {
    const auto requests = random_requests(random, 1 + random() % 120, 1 + random() % 100);
    const ArenaLayout layout = placed(requests);
    expect_no_overlap(requests, layout);
    const int64_t bound = arena_lower_bound(requests);
    ASSERT_GE(layout.bytes, bound);
    EXPECT_LE(layout.bytes, bound * 3 / 2) << "round " << round;
    sum_of_ratios += bound == 0 ? 1 : double(layout.bytes) / double(bound);
  }
  EXPECT_LE(sum_of_ratios / kRounds, 1.05);
}

TEST(ArenaPlanner, AChainNeedsNoMoreThanTwoNeighbours) {
  std::vector<ArenaRequest> chain;
  for (uint32_t i = 0; i < 300; ++i) chain.push_back({1000, i, i + 1});
  EXPECT_EQ(placed(chain).bytes, 2 * 1024);
}

TEST(ArenaPlanner, TheSameRequestsGiveTheSameLayoutWhateverWasPlannedBefore) {
  std::mt19937 random(9);
  const auto first = random_requests(random, 80, 60), second = random_requests(random, 200, 150);
  ArenaPlanner planner;
  ArenaLayout layout;
  planner.place(second, layout);
  planner.place(first, layout);
  const ArenaLayout fresh = placed(first);
  EXPECT_EQ(layout.offsets, fresh.offsets);
  EXPECT_EQ(layout.bytes, fresh.bytes);
}

}  // namespace
}  // namespace rekindle
