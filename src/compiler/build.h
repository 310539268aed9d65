// From an imported graph to an engine: passes, tactics, plan.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "compiler/tune.h"
#include "passes/pass.h"
#include "plan/engine_file.h"

namespace rekindle {

struct CompileOptions {
  Target target;
  Profile profile;  // symbols that are not named are unbounded
  int effort = 1;
  int threads = 1;    // what tuning measures with
  bool bf16 = false;  // whether products may be computed in BF16
  bool fp16 = false;  // whether values may be stored in FP16
  TimingCache* cache = nullptr;
  RunOptions passes;  // dumps, disabled passes
  std::vector<std::string> disabled_tactics;
  int limit = INT_MAX;   // rewrites, to bisect
  bool keep_ir = false;  // put the imported graph into the engine so that it can be lowered again
  std::function<void(std::string_view phase, int done, int total)> progress;
};

/// A device and its ordered table of tactics, the reference last.
struct Backend {
  std::shared_ptr<Device> device;
  std::span<const Tactic* const> tactics;
  /// What runs the ops that the device has no tactic for; null where the device is the host.
  std::shared_ptr<const Backend> host = nullptr;
  Target host_target = {};
  std::string_view name = {};  // of the device, also when there is none here
};

/// What became of one region, for `--explain`.
struct RegionReport {
  std::string label, origin;
  Choice choice;
};
struct CompileReport {
  int nodes_imported = 0, kernels = 0;
  int64_t arena_bytes = 0, arena_lower_bound = 0, weight_bytes = 0;
  int host_steps = 0;  // of a build for another device: kernels that run on the host, each among the remarks
  std::vector<RegionReport> regions;
  std::vector<std::string> remarks;  // of passes: what was not done and why
  double seconds_passes = 0, seconds_tuning = 0;
};

/// Everything that goes into the engine file, owned.
struct Compiled {
  Variant variant;
  std::string code;     // KRNL
  std::string weights;  // WGHT
  std::string tuning;   // TUNE
  std::string ir;       // IR
  CompileReport report;
};
/// The graph is taken as imported; it is optimized for the target and lowered. Deterministic at effort 0, and
/// at any effort with a complete timing cache.
Result<Compiled> compile(Graph graph, const Backend& backend, const CompileOptions& options);

}  // namespace rekindle
