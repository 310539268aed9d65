// Arena sizes: those planned at build, or those that the runtime would plan for the usual shapes.
// SPDX-License-Identifier: Apache-2.0
#include "cli/memory.h"

#include <algorithm>

#include "plan/arena.h"

namespace rekindle::cli {

ArenaSizes arena_sizes(const Plan& plan) {
  Bindings usual;
  for (const SymbolRange& s : plan.profile) usual[s.symbol] = std::max<int64_t>(s.range.opt, 1);
  for (const Binding& b : plan.bindings)
    for (const Dim& d : b.type.shape)
      if (b.is_input && d.as_symbol()) usual.emplace(std::string(*d.as_symbol()), 1);
  std::vector<ArenaRequest> requests;
  int64_t planned = 0;
  for (const Buffer& buffer : plan.buffers) {
    int64_t bytes = 0;
    if (buffer.place != Place::arena || !buffer.bytes.try_eval(usual, bytes)) continue;
    requests.push_back({bytes, buffer.first_step, buffer.last_step});
    planned = std::max(planned, int64_t(buffer.offset) + bytes);
  }
  ArenaSizes sizes;
  sizes.lower_bound = arena_lower_bound(requests);
  if (has_static_arena(plan)) {
    sizes.bytes = planned;
  } else {
    ArenaLayout layout;
    ArenaPlanner().place(requests, layout);
    sizes.bytes = layout.bytes;
  }
  return sizes;
}

}  // namespace rekindle::cli
