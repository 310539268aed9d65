// Parallel loops over the thread pool, and the counting of cores.
// SPDX-License-Identifier: Apache-2.0
#include "base/parallel.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>

#include "base/thread_pool.h"

namespace rekindle {

namespace {

int affinity_cores() {
  for (int most = 1024; most <= 1 << 16; most *= 4) {  // the kernel refuses a mask smaller than its own
    cpu_set_t* set = CPU_ALLOC(size_t(most));
    if (set == nullptr) return 0;
    const size_t bytes = CPU_ALLOC_SIZE(size_t(most));
    const int count = sched_getaffinity(0, bytes, set) == 0 ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (count > 0) return count;
  }
  return 0;
}

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// The least quota of a group and all groups above it: each of them limits.
int quota_up_from(const std::string& mount, std::string group, bool v2) {
  int least = 0;
  for (;;) {
    const std::string folder = mount + group;
    const std::string quota = first_line(folder + (v2 ? "/cpu.max" : "/cpu.cfs_quota_us"));
    const int cores = v2 ? cores_of_quota(quota.c_str(), nullptr)
                         : cores_of_quota(quota.c_str(), first_line(folder + "/cpu.cfs_period_us").c_str());
    if (cores > 0) least = least > 0 ? std::min(least, cores) : cores;
    if (group.empty() || group == "/") return least;
    group.resize(std::min(group.rfind('/'), group.size()));
  }
}

/// Lines of /proc/self/cgroup: "0::/path" is v2, "4:cpu,cpuacct:/path" v1. Inside a container the path may be
/// the host's and missing here; the loop then ends at the mount itself, which is the container's own group.
int cgroup_cores() {
  int least = 0;
  auto take = [&](int cores) {
    if (cores > 0) least = least > 0 ? std::min(least, cores) : cores;
  };
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",",
                      group = line.substr(second + 1);
    if (controllers == ",,") {
      take(quota_up_from("/sys/fs/cgroup", group, true));
    } else if (controllers.find(",cpu,") != std::string::npos) {
      take(quota_up_from("/sys/fs/cgroup/cpu", group, false));
      take(quota_up_from("/sys/fs/cgroup/cpu,cpuacct", group, false));
    }
  }
  return least;
}

thread_local int chosen_threads = 0;  // 0: not chosen yet

}  // namespace

int cores_of_quota(const char* quota, const char* period) {
  char* end = nullptr;
  const double allowed = std::strtod(quota, &end);  // "max" and "-1" are no limit
  if (end == quota || allowed <= 0) return 0;
  const double of = std::strtod(period != nullptr ? period : end, nullptr);
  if (of <= 0) return 0;
  return int(std::clamp((allowed + of - 1) / of, 1.0, 65536.0));  // rounded up: both are whole microseconds
}

int usable_cores() {
  static const int cores = [] {
    int least = int(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
    if (const int mask = affinity_cores(); mask > 0) least = std::min(least, mask);
    if (const int quota = cgroup_cores(); quota > 0) least = std::min(least, quota);
    return std::max(1, least);
  }();
  return cores;
}

void set_threads(int count) { chosen_threads = std::max(1, count); }

int threads() {
  if (chosen_threads == 0) set_threads(usable_cores());
  return chosen_threads;
}

namespace parallel_detail {

void run(int64_t n, int64_t grain, void* context, Body body) {
  if (n <= 0) return;
  grain = std::max<int64_t>(1, grain);
  const int64_t grains = (n - 1) / grain + 1;
  const int64_t ranges = std::min({int64_t(threads()), grains, thread_pool::kMostRanges});
  if (ranges <= 1 || thread_pool::in_region()) return body(context, 0, n);
  thread_pool::run({context, body, n, grain, grains, ranges});
}

}  // namespace parallel_detail

}  // namespace rekindle
