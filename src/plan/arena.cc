// Greedy by size, best fit: every buffer, the largest first, goes into the smallest gap between the buffers
// that are placed already and alive at the same time (arXiv 2001.03288). SPDX-License-Identifier: Apache-2.0
#include "plan/arena.h"

#include <algorithm>
#include <numeric>

namespace rekindle {

namespace {

int64_t aligned(int64_t bytes) { return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment; }
bool alive_together(const ArenaRequest& a, const ArenaRequest& b) {
  return a.first <= b.last && b.first <= a.last;
}

}  // namespace

void ArenaPlanner::place(std::span<const ArenaRequest> requests, ArenaLayout& layout) {
  layout.offsets.assign(requests.size(), 0);
  layout.bytes = 0;
  by_size_.resize(requests.size());
  std::iota(by_size_.begin(), by_size_.end(), 0U);
  // Ties are broken by life span and number, so the layout is a function of the requests.
  std::sort(by_size_.begin(), by_size_.end(), [&](uint32_t a, uint32_t b) {
    const ArenaRequest &x = requests[a], &y = requests[b];
    if (x.bytes != y.bytes) return x.bytes > y.bytes;
    if (x.first != y.first) return x.first < y.first;
    return a < b;
  });
  by_offset_.clear();
  for (const uint32_t now : by_size_) {
    const ArenaRequest& request = requests[now];
    const int64_t bytes = aligned(request.bytes);
    if (bytes == 0) break;  // the rest are empty and stay at 0
    int64_t end = 0, best = -1, smallest_gap = INT64_MAX;
    for (const uint32_t other : by_offset_) {
      if (!alive_together(request, requests[other])) continue;
      const int64_t gap = layout.offsets[other] - end;
      if (gap >= bytes && gap < smallest_gap) smallest_gap = gap, best = end;
      end = std::max(end, layout.offsets[other] + aligned(requests[other].bytes));
    }
    const int64_t offset = best >= 0 ? best : end;
    layout.offsets[now] = offset;
    layout.bytes = std::max(layout.bytes, offset + bytes);
    const auto behind =
        std::upper_bound(by_offset_.begin(), by_offset_.end(), offset,
                         [&](int64_t at, uint32_t other) { return at < layout.offsets[other]; });
    by_offset_.insert(behind, now);
  }
}

int64_t arena_lower_bound(std::span<const ArenaRequest> requests) {
  struct Change {
    uint64_t step;
    int64_t bytes;
  };
  std::vector<Change> changes;
  for (const ArenaRequest& r : requests) {
    changes.push_back({r.first, aligned(r.bytes)});
    changes.push_back({uint64_t(r.last) + 1, -aligned(r.bytes)});
  }
  std::sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) {
    return a.step != b.step ? a.step < b.step : a.bytes < b.bytes;
  });
  int64_t alive = 0, most = 0;
  for (const Change& c : changes) most = std::max(most, alive += c.bytes);
  return most;
}

}  // namespace rekindle
