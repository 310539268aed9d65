// A pass is a function over the graph; the pipeline is a table of them. Each can be switched off, dumped and
// bisected by name.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <climits>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/graph.h"
#include "tensor/target.h"

namespace rekindle {

/// What passes may ask about the build: the target, what the profile says of the symbols, and how far to go.
struct PassContext {
  Target target;
  Profile profile;
  DType precision = DType::f32;  // what f32 values may be stored in: f32 or f16
  /// Rewrites still allowed (`--limit N`): every applied patch takes one; at 0 passes stop changing things.
  int budget = INT_MAX;
  /// Why something was not done: "layer3/Add: not fused into conv, its result is used twice". Collected for
  /// `--explain`.
  std::vector<std::string> remarks;
  int64_t fold_bytes = int64_t(256) << 20;  // by so much all constants may grow
  /// Microseconds of the fastest kernel for a graph that is one region, for passes that choose by measuring;
  /// empty when nothing is measured.
  std::function<Result<double>(const Graph&)> measure;
  bool take_budget() { return budget > 0 && budget-- > 0; }
};

struct Pass {
  std::string_view name;                     // kebab-case of the function: "fold-constants"
  std::string_view summary;                  // `rekindle opt --help` and docs/passes.md are printed from this
  Result<int> (*run)(Graph&, PassContext&);  // how many changes it made
};

std::span<const Pass> standard_pipeline();  // passes/pipeline.cc: the order, and why
const Pass* find_pass(std::string_view name);

struct RunOptions {
  std::string dump_dir;               // "03-fuse.rkir" after every pass that changed something
  std::vector<std::string> disabled;  // names; an unknown one is an error that lists the known ones
  std::function<void(std::string_view pass, int changes, double seconds)> on_pass;
};
/// Runs the passes in order and verifies the graph after each; a broken graph is reported with the pass's
/// name.
Status run_passes(Graph&, PassContext&, std::span<const Pass>, const RunOptions& = {});

}  // namespace rekindle
