// The queue and its workers.
// SPDX-License-Identifier: Apache-2.0
#include "compiler/build_ahead.h"

namespace rekindle {

BuildAhead::BuildAhead(int threads, Target target) : target_(std::move(target)) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

BuildAhead::~BuildAhead() {
  {
    const std::lock_guard lock(mutex_);
    stops_ = true;
    jobs_.clear();
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void BuildAhead::add(std::shared_ptr<const Region> region, const Tactic& tactic, Config config) {
  if (threads_.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back({std::move(region), &tactic, std::move(config)});
  }
  changed_.notify_one();
}

void BuildAhead::add_urgent(std::shared_ptr<const Region> region, const Tactic& tactic, Config config) {
  if (threads_.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_front({std::move(region), &tactic, std::move(config)});
  }
  changed_.notify_one();
}

void BuildAhead::work() {
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stops_ || !jobs_.empty(); });
      if (stops_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    // A failure is met again, and reported, by whoever needs the kernel.
    (void)job.tactic->build(*job.region, job.config, target_).ok();
  }
}

}  // namespace rekindle
