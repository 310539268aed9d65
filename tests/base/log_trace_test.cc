// Log and trace: silent by default, complete when on, safe from many threads.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <thread>

#include "base/json.h"
#include "base/log.h"
#include "base/trace.h"

namespace rekindle {
namespace {

struct Counted {
  static inline int formatted = 0;
};

}  // namespace
}  // namespace rekindle

template <> struct fmt::formatter<rekindle::Counted> : fmt::formatter<int> {
  auto format(const rekindle::Counted&, format_context& context) const {
    return formatter<int>::format(++rekindle::Counted::formatted, context);
  }
};

namespace rekindle {
namespace {

class Log : public testing::Test {
 protected:
  void TearDown() override {
    log::set_sink({});
    log::set_level(log::Level::debug);
  }
};

TEST_F(Log, FormatsNothingWithoutASink) {
  Counted::formatted = 0;
  log::error("test", "{}", Counted());
  EXPECT_EQ(Counted::formatted, 0);
  EXPECT_FALSE(log::enabled(log::Level::error));
}

TEST_F(Log, ReachesTheSinkFromItsLevel) {
  std::string text;
  log::set_sink([&](log::Level level, std::string_view category, std::string_view message) {
    text += std::string(enum_name(level)) + " " + std::string(category) + ": " + std::string(message) + "\n";
  });
  log::debug("passes", "{} changed {} nodes", "fold", 3);
  log::set_level(log::Level::warning);
  log::info("passes", "{}", Counted());
  log::warning("tune", "slow");
  log::error("tune", "{:.1f}", 2.0);
  log::set_sink({});
  log::error("tune", "lost");
  EXPECT_EQ(text, "debug passes: fold changed 3 nodes\nwarning tune: slow\nerror tune: 2.0\n");
}

TEST_F(Log, CallsTheSinkOneAtATime) {
  int inside = 0, count = 0;
  log::set_sink([&](auto...) {
    EXPECT_EQ(++inside, 1);
    ++count;
    --inside;
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([] {
      for (int i = 0; i < 500; ++i) log::info("test", "{}", i);
    });
  for (auto& t : threads) t.join();
  EXPECT_EQ(count, 2000);
}

size_t event_count() { return (*parse_json(trace::to_json()))["traceEvents"].size(); }

TEST(Trace, RecordsNothingWhenOff) {
  trace::start();
  trace::stop();
  bool built = false;
  {
    const trace::Scope scope("unseen");
    const trace::Scope lazy([&] { return built = true, std::string("unseen"); });
  }
  EXPECT_FALSE(built);
  EXPECT_EQ(event_count(), 0U);
}

TEST(Trace, NestsAndEscapes) {
  trace::start();
  {
    const trace::Scope outer("pass \"fold\"\n", "passes");
    const trace::Scope inner([] { return std::string("inner"); });
  }
  trace::stop();
  const Result<Json> json = parse_json(trace::to_json());
  ASSERT_TRUE(json.ok()) << json.status().to_string();
  const Json& events = (*json)["traceEvents"];
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0]["name"], "pass \"fold\"\n");
  EXPECT_EQ(events[0]["cat"], "passes");
  EXPECT_EQ(events[0]["ph"], "X");
  EXPECT_EQ(events[1]["name"], "inner");
  const double begin = events[0]["ts"], end = begin + events[0]["dur"].get<double>();
  EXPECT_LE(begin, events[1]["ts"].get<double>());
  EXPECT_GE(end + 1e-6, events[1]["ts"].get<double>() + events[1]["dur"].get<double>());
}

TEST(Trace, ManyThreadsAndALimit) {
  trace::start(1000);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([] {
      for (int i = 0; i < 500; ++i) const trace::Scope scope("work");
    });
  for (auto& t : threads) t.join();
  trace::stop();
  const Json json = *parse_json(trace::to_json());
  EXPECT_EQ(json["traceEvents"].size(), 1000U);
  EXPECT_EQ(json["otherData"]["dropped"], "1000");
}

TEST(Trace, SpansOfAnEarlierRecordingAreForgotten) {
  trace::start();
  {
    const trace::Scope old("old");
    trace::start();
  }
  trace::stop();
  EXPECT_EQ(event_count(), 0U);
}

}  // namespace
}  // namespace rekindle
