// Tracing: named spans of time, written as a Chrome trace (chrome://tracing, Perfetto). Off by default.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace rekindle::trace {

/// Starts recording, forgetting what was recorded before. At most `most_events` are kept, later ones are
/// counted only.
void start(size_t most_events = 1 << 20);
void stop();
bool is_recording();

/// What was recorded, as Chrome trace event JSON. Events are in the order of their start.
std::string to_json();
Status write_json(const std::string& path);

/// One span: from construction to destruction, on the thread that made it. Costs one relaxed load when off.
///   trace::Scope scope("pass fold-constants");
/// A name that must be built is built only when recording:
///   trace::Scope scope([&] { return "step " + step.origin; });
class Scope {
 public:
  explicit Scope(std::string_view name, std::string_view category = "rekindle") {
    if (is_recording()) [[unlikely]]
      begin(std::string(name), category);
  }
  template <class MakeName>
  requires requires(MakeName make) { std::string(make()); }
  explicit Scope(MakeName make_name, std::string_view category = "rekindle") {
    if (is_recording()) [[unlikely]]
      begin(std::string(make_name()), category);
  }
  ~Scope() {
    if (started_) end();
  }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  void begin(std::string name, std::string_view category);
  void end();
  bool started_ = false;
  uint64_t session_ = 0;
  int64_t begin_ns_ = 0;
  std::string name_, category_;
};

}  // namespace rekindle::trace
