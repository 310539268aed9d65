// Work in processes of its own: what crashes, hangs or eats memory there is a result here.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"

namespace rekindle::cli {

struct WorkerLimits {
  double seconds = 60;
  int64_t memory_bytes = int64_t(8) << 30;  // of address space
};
struct WorkerOutcome {
  std::string output;   // what the work returned
  std::string failure;  // how it ended when it did not return: "ended by signal 11 (Segmentation fault)"
};

/// Runs work(i) for 0 <= i < count, each in a forked process, `jobs` at a time, and calls done(i, outcome)
/// here as they end. The caller must have no threads yet, since only the forking one lives on in the child.
Status run_in_processes(size_t count, int jobs, const WorkerLimits& limits,
                        const std::function<std::string(size_t)>& work,
                        const std::function<void(size_t, const WorkerOutcome&)>& done);

}  // namespace rekindle::cli
