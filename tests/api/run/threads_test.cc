// One engine of the CPU's own kernels, eight threads, a context each: a thousand runs give the bits that one
// thread alone gets. The engine lies in the tree, so that ThreadSanitizer needs no compiler tower beside it.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "rekindle/rekindle.hpp"

namespace {

constexpr int kThreads = 8, kRuns = 1000, kRows = 8;

std::string newest_golden_engine() {
  std::string newest;
  for (const auto& entry : std::filesystem::directory_iterator(RK_SOURCE_DIR "/tests/cli/golden"))
    if (entry.path().extension() == ".engine") newest = std::max(newest, entry.path().string());
  return newest;
}

/// Rows of four numbers, as many as the round says: shapes change from run to run.
std::vector<float> rows_of(int round) {
  std::vector<float> x(size_t(1 + round % kRows) * 4);
  for (size_t i = 0; i < x.size(); ++i) x[i] = float((i * 7 + size_t(round)) % 11) / 4 - 1;
  return x;
}

/// The result of every round, by a context of its own.
std::vector<std::vector<float>> run_all(const rekindle::Engine& engine) {
  std::vector<std::vector<float>> results;
  rekindle::Context context = engine.create_context({1});
  for (int round = 0; round < kRuns; ++round) {
    const std::vector<float> x = rows_of(round);
    context.bind("x", rekindle::Tensor::view(x.data(), {int64_t(x.size() / 4), 4}));
    context.run();
    const rekindle::Tensor y = context.output("y");
    results.emplace_back(y.data<float>(), y.data<float>() + y.count());
  }
  return results;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST(Threads, EightContextsOfOneEngineGetTheSameBits) {
  const std::string path = newest_golden_engine();
  ASSERT_FALSE(path.empty());
  const rekindle::Engine engine = rekindle::Engine::load(path);
  const std::vector<std::vector<float>> alone = run_all(engine);
  ASSERT_EQ(alone.back().size(), size_t(1 + (kRuns - 1) % kRows) * 3);
  EXPECT_NE(alone[0][0], alone[1][0]) << "rounds differ, so that a mix-up shows";
  std::atomic<int> equal = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&] {
      const std::vector<std::vector<float>> mine = run_all(engine);
      for (size_t i = 0; i < alone.size(); ++i) equal += same_bits(mine[i], alone[i]);
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(equal, kThreads * kRuns);
}

TEST(Threads, LoadingAndRunningAtOnce) {
  const std::string path = newest_golden_engine();
  const std::vector<float> expected = run_all(rekindle::Engine::load(path))[0];
  std::atomic<int> equal = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        const rekindle::Engine engine = rekindle::Engine::load(path);
        rekindle::Context context = engine.create_context({1 + i % 2});
        const std::vector<float> x = rows_of(0);
        context.bind("x", rekindle::Tensor::view(x.data(), {1, 4}));
        context.run();
        const rekindle::Tensor y = context.output("y");
        equal += same_bits({y.data<float>(), y.data<float>() + y.count()}, expected);
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(equal, kThreads * 20);
}

}  // namespace
