// From an optimized graph to a plan: a kernel for every region, memory for every value, steps in order.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <set>

#include "compiler/build.h"
#include "compiler/storage.h"
#include "compiler/weights.h"

namespace rekindle {

/// What all plans of one engine share while they are made.
struct LoweringContext {
  Tuner* tuner = nullptr;
  Tuner* host_tuner = nullptr;  // where `tuner` is not the host's: for what its device cannot do
  const CompileOptions* options = nullptr;
  WeightStore weights;
  std::string code;                              // KRNL
  std::map<std::string, uint64_t> code_offsets;  // equal code is kept once
  Bindings sizes;                                // what symbols are taken to be while tuning
  std::vector<RegionReport> regions;
  std::vector<std::string> remarks;  // for `--explain`
  int done = 0, total = 0;           // regions, for progress
};

/// Chooses kernels for every node; a region no tactic takes as a whole is taken apart again (the graph
/// changes).
Result<LoweredNodes> choose_kernels(Graph& graph, LoweringContext& context);

/// `symbols` are the sizes known before the plan runs: those of its inputs.
Result<Plan> lower(Graph graph, LoweringContext& context, std::set<std::string, std::less<>> symbols);

}  // namespace rekindle
