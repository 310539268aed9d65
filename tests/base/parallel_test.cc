// Parallel loops: every index once, in the same ranges each time; and the counting of cores.
// SPDX-License-Identifier: Apache-2.0
#include "base/parallel.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <thread>

#include "base/thread_pool.h"

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

/// Many short regions from many callers, with ranges of very different length: nothing is lost or run twice.
TEST_F(Parallel, ShortRegionsFromManyCallers) {
  std::vector<std::thread> callers;
  std::atomic<int> wrong = 0;
  for (int caller = 0; caller < 8; ++caller)
    callers.emplace_back([&, caller] {
      set_threads(2 + caller % 4);
      std::vector<int> touched(97);
      for (int round = 0; round < 2000; ++round) {
        const int64_t n = (round * 31 + caller) % int64_t(touched.size() + 1);
        std::fill(touched.begin(), touched.end(), 0);
        parallel_for(n, 1 + round % 5, [&](int64_t b, int64_t e) {
          for (int64_t i = b; i < e; ++i) ++touched[size_t(i)];
          if (b == 0 && round % 100 == 0) usleep(100);
        });
        for (size_t i = 0; i < touched.size(); ++i) wrong += touched[i] != (int64_t(i) < n ? 1 : 0);
      }
    });
  for (auto& c : callers) c.join();
  EXPECT_EQ(wrong, 0);
}

/// A range waits until another has run: with the caller asleep in the first, only a worker can run the
/// second.
TEST_F(Parallel, WorkersTakeWhatTheCallerHasNotBegun) {
  set_threads(2);
  std::atomic<bool> second_ran = false;
  parallel_for(2, 1, [&](int64_t begin, int64_t) {
    if (begin == 1) second_ran = true;
    for (int i = 0; begin == 0 && !second_ran && i < 20000; ++i) usleep(1000);
  });
  EXPECT_TRUE(second_ran) << "no worker came within 20 seconds";
}

/// With every worker busy for another caller, a region ends by its caller's hands alone.
TEST_F(Parallel, ACallerWaitsForNoWorkerThatHasNotBegun) {
  std::atomic<bool> release = false;
  std::atomic<int> inside = 0;
  std::thread occupier([&] {
    set_threads(64);
    parallel_for(64, 1, [&](int64_t, int64_t) {
      ++inside;
      while (!release) usleep(100);
    });
  });
  while (inside == 0) usleep(100);
  for (int before = -1; before != inside;) before = inside, usleep(20000);  // no worker is free any more
  set_threads(64);
  int64_t total = 0;  // not atomic: one thread runs all
  const auto me = std::this_thread::get_id();
  for (int i = 0; i < 100; ++i)
    parallel_for(64, 1, [&](int64_t b, int64_t e) {
      if (std::this_thread::get_id() == me) total += e - b;
    });
  EXPECT_EQ(total, 6400);
  release = true;
  occupier.join();
}

TEST_F(Parallel, NeverMoreWorkersThanCoresWantOf) {
  for (const int count : {1000, 5000}) {
    set_threads(count);
    std::atomic<int64_t> total = 0;
    parallel_for(100000, 1, [&](int64_t b, int64_t e) { total += e - b; });
    EXPECT_EQ(total, 100000);
  }
  EXPECT_GE(thread_pool::workers(), 1);
  EXPECT_LE(thread_pool::workers(), std::max(usable_cores(), 4) - 1);
}

/// More callers than there are slots for run their regions alone; slots come back when threads end.
TEST_F(Parallel, MoreCallersThanSlots) {
  for (int wave = 0; wave < 2; ++wave) {
    std::vector<std::thread> callers;
    std::atomic<int64_t> total = 0;
    std::atomic<int> ready = 0;
    for (int t = 0; t < 300; ++t)
      callers.emplace_back([&] {
        set_threads(3);
        parallel_for(10, 1, [&](int64_t b, int64_t e) { total += e - b; });
        if (++ready == 300) ready.notify_all();
        for (int seen; (seen = ready) < 300;) ready.wait(seen);  // all at once hold their slots
        parallel_for(10, 1, [&](int64_t b, int64_t e) { total += e - b; });
      });
    for (auto& c : callers) c.join();
    EXPECT_EQ(total, 300 * 20);
  }
}

/// The child of a fork has none of the parent's workers, and starts its own.
TEST_F(Parallel, AForkedChildHasAPoolOfItsOwn) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer lets no child of a fork start threads";
#endif
  set_threads(3);
  std::atomic<int64_t> total = 0;
  const auto add = [&](int64_t b, int64_t e) { total += e - b; };
  parallel_for(90, 1, add);
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    bool good = thread_pool::workers() == 0;
    for (int i = 0; i < 100; ++i) parallel_for(90, 1, add);
    good = good && thread_pool::workers() > 0 && total == 90 * 101;
    std::exit(good ? 0 : 1);  // by the usual way out, with workers alive
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  parallel_for(90, 1, add);
  EXPECT_EQ(total, 180);
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
