// Parallel loops over the process's thread pool, and how many threads a caller may use.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <type_traits>

namespace rekindle {

/// Cores that this process may really use: the least of the machine's, the affinity mask and the cgroup's CPU
/// quota (v1 or v2, rounded up), and at least 1. Asked once.
int usable_cores();

/// Into how many ranges parallel_for cuts its work when called from this thread; at first usable_cores(). At
/// least 1.
void set_threads(int count);
int threads();

namespace parallel_detail {
using Body = void (*)(void* context, int64_t begin, int64_t end);
void run(int64_t n, int64_t grain, void* context, Body body);
}  // namespace parallel_detail

/// Calls body(begin, end) for disjoint ranges that cover 0 … n. Each range but the last is a multiple of
/// `grain`, the least work worth a thread; timing decides only which thread runs a range, and the caller may
/// run all of them, so that no range may wait for another. One range covers all with one thread and inside
/// another parallel_for. The body must not throw.
template <class F> void parallel_for(int64_t n, int64_t grain, F&& body) {
  using Callable = std::remove_reference_t<F>;
  parallel_detail::run(
      n, grain, const_cast<void*>(static_cast<const void*>(&body)),
      [](void* context, int64_t begin, int64_t end) { (*static_cast<Callable*>(context))(begin, end); });
}

/// For tests: the quota in cores that a cgroup file's text gives, 0 for none. v2: "max 100000" or "150000
/// 100000"; v1: the texts of cpu.cfs_quota_us and cpu.cfs_period_us.
int cores_of_quota(const char* quota, const char* period);

}  // namespace rekindle
