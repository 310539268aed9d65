// Whether a region is worth it: a contraction or reduction whose kernel is slow at what surrounds it runs
// faster as two or three kernels.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>

#include "compiler/tune.h"

namespace rekindle {

/// The region's body with its anchor (and a constant bias) in one node, what comes before and after in one
/// each; none when there is nothing around the anchor.
Result<std::optional<Graph>> split_region(const Region& region);

/// What measuring says of a region and of its parts.
struct SplitTimes {
  double whole = 0, parts = 0;  // microseconds
  bool is_faster_apart() const;
};
Result<SplitTimes> time_split(const Region& region, const Graph& parts, Tuner& tuner);

}  // namespace rekindle
