// Parallel loops: every index once, in the same ranges each time; and the counting of cores.
// SPDX-License-Identifier: Apache-2.0
#include "base/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <thread>

namespace rekindle {
namespace {

class Parallel : public testing::Test {
 protected:
  void TearDown() override { set_threads(usable_cores()); }
  static std::map<int64_t, int64_t> ranges(int64_t n, int64_t grain) {
    std::mutex mutex;
    std::map<int64_t, int64_t> found;
    parallel_for(n, grain, [&](int64_t begin, int64_t end) {
      std::lock_guard lock(mutex);
      EXPECT_TRUE(found.emplace(begin, end).second);
    });
    return found;
  }
};

TEST_F(Parallel, CoversEveryIndexOnceInWholeGrains) {
  for (const int count : {1, 2, 3, 7})
    for (const int64_t n : {0, 1, 2, 7, 64, 1000})
      for (const int64_t grain : {-1, 1, 3, 16, 5000}) {
        set_threads(count);
        int64_t next = 0;
        const auto found = ranges(n, grain);
        EXPECT_LE(found.size(), size_t(count));
        for (const auto& [begin, end] : found) {
          EXPECT_EQ(begin, next);
          EXPECT_LT(begin, end);
          EXPECT_TRUE(end == n || (end - begin) % grain == 0);
          next = end;
        }
        EXPECT_EQ(next, n);
        EXPECT_EQ(found, ranges(n, grain)) << "the partition does not depend on timing";
      }
}

TEST_F(Parallel, NestedLoopsRunInline) {
  set_threads(3);
  std::atomic<int64_t> total = 0;
  parallel_for(9, 1, [&](int64_t begin, int64_t end) {
    const auto outer = std::this_thread::get_id();
    for (int64_t i = begin; i < end; ++i)
      parallel_for(10, 1, [&](int64_t b, int64_t e) {
        EXPECT_TRUE((begin == 0 && end == 9) || std::this_thread::get_id() == outer);
        total += e - b;
      });
  });
  EXPECT_EQ(total, 90);
}

TEST_F(Parallel, ThreadsAreChosenPerThread) {
  set_threads(3);
  EXPECT_EQ(threads(), 3);
  std::thread([] {
    EXPECT_EQ(threads(), usable_cores());
    set_threads(-4);
    EXPECT_EQ(threads(), 1);
  }).join();
  EXPECT_EQ(threads(), 3);
}

TEST_F(Parallel, CallersMayBeManyThreads) {
  std::vector<std::thread> callers;
  std::atomic<int64_t> total = 0;
  for (int t = 0; t < 4; ++t)
    callers.emplace_back([&] {
      set_threads(2);
      for (int i = 0; i < 50; ++i) parallel_for(100, 1, [&](int64_t b, int64_t e) { total += e - b; });
    });
  for (auto& c : callers) c.join();
  EXPECT_EQ(total, 4 * 50 * 100);
}

TEST(Cores, QuotasOfCgroups) {
  EXPECT_EQ(cores_of_quota("max 100000", nullptr), 0);
  EXPECT_EQ(cores_of_quota("150000 100000", nullptr), 2) << "rounded up";
  EXPECT_EQ(cores_of_quota("200000 100000", nullptr), 2);
  EXPECT_EQ(cores_of_quota("1000 100000", nullptr), 1);
  EXPECT_EQ(cores_of_quota("-1", "100000"), 0);
  EXPECT_EQ(cores_of_quota("400000", "100000"), 4);
  EXPECT_EQ(cores_of_quota("", nullptr), 0);
  EXPECT_EQ(cores_of_quota("100000", ""), 0);
  EXPECT_EQ(cores_of_quota("1e300 1", nullptr), 65536);
  EXPECT_GE(usable_cores(), 1);
  EXPECT_LE(usable_cores(), int(std::max(1U, std::thread::hardware_concurrency())));
}

}  // namespace
}  // namespace rekindle
