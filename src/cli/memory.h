// How much memory a plan's arena takes.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "plan/plan.h"

namespace rekindle::cli {

struct ArenaSizes {
  int64_t bytes = 0;        // as the runtime lays it out
  int64_t lower_bound = 0;  // the most that is alive at one step
};
/// At the usual sizes of the profile, 1 where it has none. Buffers whose size only a run tells are left out.
ArenaSizes arena_sizes(const Plan& plan);

}  // namespace rekindle::cli
