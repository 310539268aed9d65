// loop: a graph that runs again and again, with values that it hands to its next iteration.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "ir/graph.h"

namespace rekindle::ops {

/// loop(trip_count?, condition?, carried…, captures…) -> carried…, scans…
/// The body takes the iteration (i64), the condition, the carried values and the captures, and makes a
/// condition, the next carried values and what each scan output gets stacked along a new first dim. It runs
/// while the iteration is below the trip count and the condition holds; without a condition the body's is
/// ignored. A carried dim that the body changes must be a symbol of the body's input; outside it is only
/// known by running, like the number of iterations.
struct Loop {
  GraphRef body = {};
  int64_t carried = 0;
  static constexpr auto name = "loop";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields = rekindle::fields("body", &Loop::body, "carried", &Loop::carried);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

/// Iterations that one evaluation, nested loops included, may take before it is refused.
inline constexpr int64_t kMostLoopIterations = int64_t(1) << 24;
/// Bytes that its scan outputs may take together.
inline constexpr int64_t kMostScanBytes = int64_t(1) << 32;

}  // namespace rekindle::ops
