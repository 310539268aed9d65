// The threads behind parallel_for: workers that all callers share, and slots through which callers offer
// ranges.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/parallel.h"

namespace rekindle::thread_pool {

/// How long an idle worker, or a caller whose last ranges are with others, looks before it sleeps.
inline constexpr int64_t kSpinNanoseconds = 50'000;
/// The most ranges of one region.
inline constexpr int64_t kMostRanges = 4095;

/// Ranges 0 … ranges-1 of one parallel_for; the t-th holds its share of the grains.
struct Region {
  void* context = nullptr;
  parallel_detail::Body body = nullptr;
  int64_t n = 0, grain = 1, grains = 0, ranges = 1;

  void run(int64_t t) const {
    const int64_t each = grains / ranges, more = grains % ranges;
    const int64_t first = t * each + (t < more ? t : more), last = first + each + (t < more ? 1 : 0);
    body(context, first * grain, last >= grains ? n : last * grain);
  }
};

/// Runs every range of a region once, on the caller and whatever workers are free, and returns when all are
/// done. Where no slot is left the caller runs them all. Not inside another region.
void run(const Region& region);
/// Whether this thread runs a range of some region.
bool in_region();

/// For tests: workers started in this process so far.
int workers();

}  // namespace rekindle::thread_pool
