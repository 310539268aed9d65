// The log sink and its lock.
// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

namespace rekindle::log {

namespace {

constexpr int kOff = 255;

std::atomic<int> least_enabled{kOff};  // kOff without a sink, so that enabled() is one load

struct State {
  std::mutex mutex;
  Sink sink;
  Level least = Level::debug;
  void publish() { least_enabled.store(sink ? int(least) : kOff, std::memory_order_relaxed); }
};
State& state() {
  static State* s = new State;  // never destroyed: destructors of static objects may log
  return *s;
}

}  // namespace

void set_sink(Sink sink) {
  State& s = state();
  std::lock_guard lock(s.mutex);
  s.sink = std::move(sink);
  s.publish();
}

void set_level(Level least) {
  State& s = state();
  std::lock_guard lock(s.mutex);
  s.least = least;
  s.publish();
}

bool enabled(Level level) { return int(level) >= least_enabled.load(std::memory_order_relaxed); }

void write_formatted(Level level, std::string_view category, fmt::string_view format, fmt::format_args args) {
  const std::string text = fmt::vformat(format, args);  // outside the lock: arguments may be slow to print
  State& s = state();
  std::lock_guard lock(s.mutex);
  if (s.sink && level >= s.least) s.sink(level, category, text);
}

}  // namespace rekindle::log
