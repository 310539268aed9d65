// The trace recorder and its JSON.
// SPDX-License-Identifier: Apache-2.0
#include "base/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <vector>

#include "base/file.h"
#include "base/json.h"

namespace rekindle::trace {

namespace {

struct Event {
  std::string name, category;
  int64_t begin_ns, duration_ns;
  int thread;
};

struct Recorder {
  std::mutex mutex;
  std::vector<Event> events;
  size_t most_events = 0, dropped = 0;
  uint64_t session = 0;  // a span that began before start() is not one of this recording
  int64_t origin_ns = 0;
};
Recorder& recorder() {
  static Recorder* r = new Recorder;
  return *r;
}
std::atomic<bool> recording{false};

int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// Small numbers in order of first use: a reader wants "thread 2", not a pthread address.
int thread_number() {
  static std::atomic<int> next{1};
  thread_local const int number = next++;
  return number;
}

}  // namespace

void start(size_t most_events) {
  Recorder& r = recorder();
  std::lock_guard lock(r.mutex);
  r.events.clear();
  r.dropped = 0;
  r.most_events = most_events;
  r.origin_ns = now_ns();
  ++r.session;
  recording.store(true, std::memory_order_relaxed);
}

void stop() { recording.store(false, std::memory_order_relaxed); }
bool is_recording() { return recording.load(std::memory_order_relaxed); }

void Scope::begin(std::string name, std::string_view category) {
  Recorder& r = recorder();
  {
    std::lock_guard lock(r.mutex);
    session_ = r.session;
  }
  name_ = std::move(name);
  category_ = category;
  started_ = true;
  begin_ns_ = now_ns();
}

void Scope::end() {
  const int64_t end_ns = now_ns();
  Recorder& r = recorder();
  std::lock_guard lock(r.mutex);
  if (session_ != r.session) return;
  if (r.events.size() >= r.most_events) {
    ++r.dropped;
    return;
  }
  r.events.push_back(
      {std::move(name_), std::move(category_), begin_ns_ - r.origin_ns, end_ns - begin_ns_, thread_number()});
}

std::string to_json() {
  Recorder& r = recorder();
  std::lock_guard lock(r.mutex);
  std::vector<const Event*> order;
  order.reserve(r.events.size());
  for (const Event& e : r.events) order.push_back(&e);
  std::stable_sort(order.begin(), order.end(), [](auto* a, auto* b) { return a->begin_ns < b->begin_ns; });
  std::string text = "{\"traceEvents\":[";
  for (const Event* e : order)
    text += fmt::format(
        "{}\n{{\"name\":{},\"cat\":{},\"ph\":\"X\",\"pid\":1,\"tid\":{},\"ts\":{}.{:03},\"dur\":{}.{:03}}}",
        e == order.front() ? "" : ",", json_text(e->name), json_text(e->category), e->thread,
        e->begin_ns / 1000, e->begin_ns % 1000, e->duration_ns / 1000, e->duration_ns % 1000);
  return text +
         fmt::format("\n],\"displayTimeUnit\":\"ms\",\"otherData\":{{\"dropped\":\"{}\"}}}}\n", r.dropped);
}

Status write_json(const std::string& path) { return write_file_atomically(path, to_json()); }

}  // namespace rekindle::trace
