// Placing buffers with known sizes and life spans in one arena: largest first, best fitting gap, as in arXiv
// 2001.03288. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace rekindle {

inline constexpr int64_t kArenaAlignment = 64;

struct ArenaRequest {
  int64_t bytes = 0;
  uint32_t first = 0, last = 0;  // steps, both inclusive
};
struct ArenaLayout {
  std::vector<int64_t> offsets;  // one a request
  int64_t bytes = 0;             // the arena's size
};
/// The layout depends on the requests alone. O(n²) at worst, microseconds for hundreds of buffers; `scratch`
/// keeps its memory between calls so that a shape change need not allocate.
class ArenaPlanner {
 public:
  void place(std::span<const ArenaRequest> requests, ArenaLayout& layout);

 private:
  std::vector<uint32_t> by_size_, by_offset_;
};
/// The most bytes alive at any one step: no layout can be smaller.
int64_t arena_lower_bound(std::span<const ArenaRequest> requests);

}  // namespace rekindle
