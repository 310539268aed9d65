// Splitting work among the threads of a launch so that each has a number, and with it scratch memory of its
// own.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <cstdint>

#include "base/parallel.h"

namespace rekindle::cpu {

/// How many workers `items` deserve when `grain` of them are the least worth a thread.
inline int worker_count(int64_t items, int64_t grain, int threads) {
  return int(std::clamp<int64_t>(items / std::max<int64_t>(1, grain), 1, std::max(1, threads)));
}

/// Calls body(worker) for 0 … workers-1, in parallel when there are several.
template <class F> void run_workers(int workers, F&& body) {
  if (workers <= 1) return body(0);
  parallel_for(workers, 1, [&](int64_t begin, int64_t end) {
    for (int64_t w = begin; w < end; ++w) body(int(w));
  });
}

/// Calls body(worker, begin, end) for even contiguous shares of `items`.
template <class F> void share_items(int64_t items, int workers, F&& body) {
  run_workers(workers, [&](int w) {
    const int64_t begin = items * w / workers, end = items * (w + 1) / workers;
    if (begin < end) body(w, begin, end);
  });
}

/// `bytes` rounded up to whole cache-line pairs, for one worker's share of a workspace.
inline int64_t padded_bytes(int64_t bytes) { return (bytes + 127) / 128 * 128; }

}  // namespace rekindle::cpu
