// A problem of oneDNN cut into independent ones, a part of the result each, for the threads of our own pool.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "backends/cpu/onednn.h"

namespace rekindle::cpu {

/// A smaller problem, and where its tensors begin in the whole one's, in elements. A tail operand as large as
/// the result begins where the result does; packed weights are the same for all.
struct OnednnSlice {
  OnednnProblem problem;
  int64_t source = 0, weights = 0, result = 0;
};

/// The problem in at least one slice; as many as keep `threads` evenly busy where its kind can be cut so.
std::vector<OnednnSlice> onednn_slices(const OnednnProblem& problem, int threads);

/// One primitive for the whole problem, which runs on the thread that calls it.
Result<std::unique_ptr<OnednnPrimitive>> make_whole_onednn(const OnednnProblem& problem);

}  // namespace rekindle::cpu
