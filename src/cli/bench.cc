// rekindle bench: how long an engine takes, in the words of trtexec.
// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <latch>
#include <memory>
#include <thread>

#include "base/parallel.h"
#include "base/printable.h"
#include "cli/command.h"
#include "cli/load.h"
#include "cli/writable.h"

namespace rekindle::cli {

namespace {

using Clock = std::chrono::steady_clock;

struct Arguments {
  std::string file, json;
  InputArguments inputs;
  OnTheSpot build;
  double duration = 3, warmup = 0.2;
  int64_t iterations = 10;
  int streams = 1, threads = 0;
  bool profile_steps = false, in_order = false;
};

/// One context and what it measured.
struct Worker {
  std::unique_ptr<Context> context;
  std::vector<double> milliseconds;
  Status status;
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Runs until both the time and the number of runs are reached, or another stream failed.
void measure(Worker& worker, const Arguments& a, std::latch& warm, std::atomic<bool>& failed) {
  const auto begin = Clock::now();
  do {
    worker.status = worker.context->run();
  } while (worker.status.ok() && seconds_since(begin) < a.warmup);
  if (!worker.status.ok()) failed = true;
  warm.arrive_and_wait();
  const auto start = Clock::now();
  while (!failed &&
         (seconds_since(start) < a.duration || int64_t(worker.milliseconds.size()) < a.iterations)) {
    const auto before = Clock::now();
    worker.status = worker.context->run();
    worker.milliseconds.push_back(seconds_since(before) * 1e3);
    if (!worker.status.ok()) failed = true;
  }
}

struct Summary {
  double throughput = 0, walltime = 0, min = 0, max = 0, mean = 0, median = 0, deviation = 0;
  std::vector<std::pair<int, double>> percentiles;
  size_t count = 0;
};

/// The value that `percent` of all runs do not exceed, as trtexec takes it.
double percentile_of(const std::vector<double>& sorted, double percent) {
  const auto rank = size_t(std::ceil(percent / 100 * double(sorted.size())));
  return sorted[std::clamp<size_t>(rank, 1, sorted.size()) - 1];
}

Summary summarize(std::vector<double> times, double walltime) {
  Summary s;
  std::sort(times.begin(), times.end());
  s.count = times.size();
  s.walltime = walltime;
  s.throughput = double(times.size()) / walltime;
  s.min = times.front();
  s.max = times.back();
  for (const double t : times) s.mean += t / double(times.size());
  for (const double t : times) s.deviation += (t - s.mean) * (t - s.mean) / double(times.size());
  s.deviation = std::sqrt(s.deviation);
  const size_t half = times.size() / 2;
  s.median = times.size() % 2 ? times[half] : (times[half - 1] + times[half]) / 2;
  for (const int p : {90, 95, 99}) s.percentiles.emplace_back(p, percentile_of(times, p));
  return s;
}

void print_summary(const Summary& s) {
  std::printf("=== Performance summary ===\n");
  std::printf("Throughput: %g qps\n", s.throughput);
  std::printf("Latency: min = %g ms, max = %g ms, mean = %g ms, median = %g ms", s.min, s.max, s.mean,
              s.median);
  for (const auto& [p, value] : s.percentiles) std::printf(", percentile(%d%%) = %g ms", p, value);
  std::printf("\nTotal Host Walltime: %g s\n", s.walltime);
  const double variation = s.mean > 0 ? s.deviation / s.mean : 0;
  if (variation > 0.1)
    std::fprintf(
        stderr,
        "warning: latency varies by %.0f %% (standard deviation by mean), so single numbers say little\n",
        variation * 100);
}

Json summary_json(const Summary& s, const Arguments& a, const Plan& plan, int threads) {
  Json json;
  json["file"] = a.file;
  json["target"] = plan.target;
  json["streams"] = a.streams;
  json["threads"] = threads;
  json["iterations"] = s.count;
  json["throughput_qps"] = s.throughput;
  json["walltime_s"] = s.walltime;
  json["min_ms"] = s.min;
  json["max_ms"] = s.max;
  json["mean_ms"] = s.mean;
  json["median_ms"] = s.median;
  json["deviation_ms"] = s.deviation;
  for (const auto& [p, value] : s.percentiles) json["percentile_" + std::to_string(p) + "_ms"] = value;
  return json;
}

/// A few profiled runs, after the measurement: asking the clock costs time.
Result<Json> time_steps(Context& context, const Plan& plan) {
  constexpr int kRuns = 10;
  std::vector<double> sums(plan.steps.size());
  context.set_profiling(true);
  for (int i = 0; i < kRuns; ++i) {
    RK_CHECK(context.run());
    for (const StepTime& t : context.step_times())
      if (t.step < sums.size()) sums[t.step] += t.microseconds / kRuns;
  }
  context.set_profiling(false);
  double total = 0;
  for (const double t : sums) total += t;
  std::printf("=== Profile (%d iterations) ===\n%10s %6s  step\n", kRuns, "us", "%");
  Json list = Json::array();
  for (size_t i = 0; i < sums.size(); ++i) {
    const Step& step = plan.steps[i];
    std::printf("%10.1f %6.1f  %s\n", sums[i], total > 0 ? 100 * sums[i] / total : 0,
                printable(step.label).c_str());
    Json entry;
    entry["us"] = sums[i];
    entry["label"] = step.label;
    entry["origin"] = step.origin;
    list.push_back(std::move(entry));
  }
  return list;
}

Status check(const Arguments& a) {
  const auto wrong = [](const std::string& what, double value, const std::string& expected) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", value);
    return Status::error(Code::invalid_argument, what + " is " + text + ", expected " + expected);
  };
  if (!(a.duration >= 0) || a.duration > 1e6) return wrong("--duration", a.duration, "0 to 1000000 seconds");
  if (!(a.warmup >= 0) || a.warmup > 1e6) return wrong("--warmup", a.warmup, "0 to 1000000 seconds");
  if (a.iterations < 1) return wrong("--iterations", double(a.iterations), "at least 1");
  if (a.streams < 1 || a.streams > 1024) return wrong("--streams", a.streams, "1 to 1024");
  if (a.threads < 0) return wrong("--threads", a.threads, "at least 0");
  return can_write(a.json);
}

Result<int> bench(Arguments a) {
  RK_CHECK(check(a));
  const int threads = a.threads > 0 ? a.threads : std::max(1, usable_cores() / a.streams);
  a.build.shapes = a.inputs.shapes;
  a.build.threads = threads;
  RK_TRY(const auto engine, engine_of(a.file, a.build));
  RK_TRY(const auto inputs, read_inputs(engine->bindings(), profile_of(engine->plan()), a.inputs));
  std::vector<Worker> workers(size_t(a.streams));
  for (Worker& worker : workers) {
    RK_TRY(worker.context, engine->create_context({.threads = threads, .overlap = !a.in_order}));
    for (const auto& [name, tensor] : inputs) RK_CHECK(worker.context->bind(name, tensor));
    worker.milliseconds.reserve(1 << 16);
  }
  if (threads * a.streams > usable_cores())
    std::fprintf(stderr, "warning: %d streams of %d threads share %d cores\n", a.streams, threads,
                 usable_cores());
  std::latch warm(a.streams + 1);
  std::atomic<bool> failed = false;
  std::vector<std::jthread> running;
  for (Worker& worker : workers) running.emplace_back([&] { measure(worker, a, warm, failed); });
  warm.arrive_and_wait();
  const auto start = Clock::now();
  running.clear();
  const double walltime = seconds_since(start);
  std::vector<double> times;
  for (const Worker& worker : workers) {
    RK_CHECK(worker.status);
    times.insert(times.end(), worker.milliseconds.begin(), worker.milliseconds.end());
  }
  const Summary summary = summarize(std::move(times), walltime);
  if (a.json != "-") print_summary(summary);
  Json json = summary_json(summary, a, engine->plan(), threads);
  if (a.profile_steps) {
    RK_TRY(json["steps"], time_steps(*workers[0].context, engine->plan()));
  }
  if (!a.json.empty()) RK_CHECK(write_json(std::move(json), a.json));
  return kOk;
}

}  // namespace

void add_bench(CLI::App& app, Command& chosen) {
  auto* command = app.add_subcommand("bench", "Measure latency and throughput of an engine or a model");
  auto a = std::make_shared<Arguments>();
  command->add_option("FILE", a->file, "engine, or ONNX model to build on the spot")->required();
  command->add_option("--duration", a->duration, "measure for so many seconds")->capture_default_str();
  command->add_option("--warmup", a->warmup, "run for so many seconds first")->capture_default_str();
  command->add_option("--iterations", a->iterations, "and at least so many runs a stream")
      ->capture_default_str();
  command->add_option("--streams", a->streams, "contexts that run at the same time")->capture_default_str();
  command->add_option("--threads", a->threads, "threads of each stream; 0: the cores by the streams")
      ->capture_default_str();
  command->add_option("--input", a->inputs.files, "NAME=FILE.npy; inputs not given are random")->take_all();
  command->add_option("--shape", a->inputs.shapes, "NAME=1x3x224x224, the shape of a random input")
      ->take_all();
  command->add_option("--profile", a->build.profiles, "for models: NAME=MIN:USUAL:MAX shapes to build for")
      ->take_all();
  command->add_option("--effort", a->build.effort, "for models: 0 measures nothing, 5 everything")
      ->capture_default_str();
  command->add_option("--target", a->build.target, "for models: what to build for")->capture_default_str();
  command->add_flag_callback(
      "--no-fusion", [a] { a->build.disabled.emplace_back("fuse"); },
      "for models: a kernel for each op, to see what fusion gains");
  command->add_flag("--in-order", a->in_order, "on a GPU: no two steps at the same time");
  command->add_flag("--steps", a->profile_steps, "time each kernel too, in runs of their own");
  command->add_option("--json", a->json, "write the numbers; - is stdout");
  command->add_flag("-q,--quiet", a->build.quiet, "no progress");
  command->footer(
      "Examples:\n"
      "  rekindle bench det.engine --shape x=1x3x640x640 --duration 5\n"
      "  rekindle bench model.onnx --streams 2 --threads 1 --json result.json");
  command->callback([a, &chosen] { chosen.run = [a] { return bench(*a); }; });
}

}  // namespace rekindle::cli
