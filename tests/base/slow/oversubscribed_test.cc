// Parallel loops on cores that others occupy: two threads must not become much slower than one.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "base/parallel.h"

namespace rekindle {
namespace {

/// About 25 µs of arithmetic that the compiler cannot drop.
void work(int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    volatile uint32_t x = uint32_t(i) + 1;
    for (int step = 0; step < 10000; ++step) x = x * 1664525u + 1013904223u;
  }
}

double seconds_of_regions(int threads) {
  set_threads(threads);
  const auto start = std::chrono::steady_clock::now();
  for (int region = 0; region < 1500; ++region)
    parallel_for(4, 1, [](int64_t begin, int64_t end) { work(begin, end); });
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Barriers that spin for a thread which is not scheduled make this 10 to 100 times slower. The bound is
/// wide, and the best of several interleaved rounds counts, since the load of the machine is not the test's
/// to decide.
TEST(Oversubscribed, TwoThreadsAreNotMuchSlowerThanOne) {
  std::atomic<bool> stop = false;
  std::vector<std::thread> busy;
  for (int i = 0; i < 2 * std::min(usable_cores(), 64); ++i)
    busy.emplace_back([&] {
      while (!stop.load(std::memory_order_relaxed)) {
      }
    });
  double one = 1e9, two = 1e9;
  for (int round = 0; round < 5; ++round) {
    one = std::min(one, seconds_of_regions(1));
    two = std::min(two, seconds_of_regions(2));
  }
  stop = true;
  for (auto& thread : busy) thread.join();
  set_threads(usable_cores());
  EXPECT_LT(two, 3 * one) << "two threads took " << two << " s, one " << one << " s";
  RecordProperty("one_thread_ms", int(one * 1e3));
  RecordProperty("two_threads_ms", int(two * 1e3));
}

}  // namespace
}  // namespace rekindle
