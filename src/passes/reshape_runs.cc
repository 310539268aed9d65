// Finding the runs of a reshape.
// SPDX-License-Identifier: Apache-2.0
#include "passes/reshape_runs.h"

namespace rekindle::passes {

namespace {

/// The least numbers of dims from `run.from` and `run.to` on whose products are equal.
bool grow(const Shape& from, const Shape& to, ReshapeRun& run) {
  Dim wanted = 1;
  for (size_t t = run.to; t < to.size(); ++t) {
    wanted = wanted * to[t];
    Dim have = 1;
    for (size_t f = run.from; f < from.size(); ++f) {
      have = have * from[f];
      if (have != wanted) continue;
      run.from_count = f - run.from + 1, run.to_count = t - run.to + 1;
      return true;
    }
  }
  return false;
}

}  // namespace

std::optional<std::vector<ReshapeRun>> reshape_runs(const Shape& from, const Shape& to) {
  std::vector<ReshapeRun> runs;
  size_t f = 0, t = 0;
  while (f < from.size() || t < to.size()) {
    ReshapeRun run{f, 0, t, 0};
    const bool one_left = f < from.size() && from[f].is(1), one_wanted = t < to.size() && to[t].is(1);
    if (one_left != one_wanted) {
      (one_left ? run.from_count : run.to_count) = 1;  // a 1 that goes, or one that comes
    } else if (!grow(from, to, run)) {
      return std::nullopt;
    }
    f += run.from_count, t += run.to_count;
    if (run.from_count > 0)
      runs.push_back(run);
    else if (!runs.empty())
      runs.back().to_count += run.to_count;
    else
      return std::nullopt;  // a leading 1 that belongs to no dim
  }
  return runs;
}

}  // namespace rekindle::passes
