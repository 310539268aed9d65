// Building kernels on other threads before they are asked for. What a build leaves behind is in the caches of
// its backend: the build that is waited for later finds the code there, or waits for the one under way.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "compiler/tactic.h"

namespace rekindle {

class BuildAhead {
 public:
  /// No thread: add() does nothing.
  BuildAhead(int threads, Target target);
  /// Drops what has not begun.
  ~BuildAhead();
  BuildAhead(const BuildAhead&) = delete;
  BuildAhead& operator=(const BuildAhead&) = delete;

  bool is_idle() const { return threads_.empty(); }
  void add(std::shared_ptr<const Region> region, const Tactic& tactic, Config config);
  /// The same in front of all others.
  void add_urgent(std::shared_ptr<const Region> region, const Tactic& tactic, Config config);

 private:
  struct Job {
    std::shared_ptr<const Region> region;
    const Tactic* tactic = nullptr;
    Config config;
  };
  void work();
  Target target_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool stops_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace rekindle
