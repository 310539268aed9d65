// A reshape as runs of dims: which dims of its input become which dims of its output.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <vector>

#include "tensor/type.h"

namespace rekindle::passes {

/// Dims from, …, from + from_count - 1 of the input become dims to, …, to + to_count - 1 of the output.
struct ReshapeRun {
  size_t from = 0, from_count = 0, to = 0, to_count = 0;
};

/// The shortest runs whose sizes are provably equal, in order, each with a dim of the input; none when there
/// are none.
std::optional<std::vector<ReshapeRun>> reshape_runs(const Shape& from, const Shape& to);

}  // namespace rekindle::passes
