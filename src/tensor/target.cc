// What this machine can run, and the targets a user may name.
// SPDX-License-Identifier: Apache-2.0
#include "tensor/target.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "base/parallel.h"

namespace rekindle {

namespace {

constexpr int64_t kUsualL2 =
    256 * 1024;  // when the system tells nothing: what no CPU of the last decade goes below

/// "1024K", "2M" or a plain number of bytes, as sysfs writes cache sizes; 0 when it is none of them.
int64_t size_of(const std::string& text) {
  char* end = nullptr;
  const long long number = std::strtoll(text.c_str(), &end, 10);
  if (end == text.c_str() || number <= 0 || number > (1LL << 40)) return 0;
  return number * (*end == 'K' ? 1024 : *end == 'M' ? 1024 * 1024 : 1);
}

/// GPUs by the names users give; the first of an architecture stands for all of it.
struct GpuModel {
  std::string_view name;
  int sm, multiprocessors;
};
constexpr GpuModel kGpuModels[] = {
    {"p4", 61, 20},        {"p40", 61, 30},   {"gtx1080ti", 61, 28}, {"v100", 70, 80},  {"xavier_nx", 72, 6},
    {"xavier_agx", 72, 8}, {"t4", 75, 40},    {"rtx2080ti", 75, 68}, {"a100", 80, 108}, {"a10", 86, 72},
    {"l4", 89, 58},        {"h100", 90, 132}, {"h200", 90, 132},
};

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// Bytes of the first core's unified level 2 cache.
int64_t l2_size() {
  for (int i = 0; i < 8; ++i) {
    const std::string folder = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(i);
    if (first_line(folder + "/level") != "2" || first_line(folder + "/type") == "Instruction") continue;
    if (const int64_t size = size_of(first_line(folder + "/size")); size > 0) return size;
  }
#ifdef _SC_LEVEL2_CACHE_SIZE
  if (const long size = sysconf(_SC_LEVEL2_CACHE_SIZE); size > 0) return size;
#endif
  return kUsualL2;
}

std::string known_targets() {
  std::string text = "cpu";
  for (const std::string_view name : kIsaNames) text += ", cpu:" + std::string(name);
  text += ", cuda (the GPU of this machine)";
  for (const GpuModel& gpu : kGpuModels) text += ", cuda:" + std::string(gpu.name);
  return text + ", cuda:sm_61 to cuda:sm_90, each also as cuda:sm_61:ptx";
}

/// "" (this machine's GPU: sm stays 0 until it is asked), "p4", "sm_75", "sm_75:ptx".
Result<Target> cuda_target(const std::string& name, std::string_view detail) {
  Target target;
  target.name = name;
  target.device = "cuda";
  target.fast_memory = 48 * 1024;
  if (detail.ends_with(":ptx")) detail.remove_suffix(4);  // the kind of code; the name keeps it
  if (detail.empty()) return target;
  for (const GpuModel& gpu : kGpuModels) {
    if (detail != gpu.name && detail != "sm_" + std::to_string(gpu.sm)) continue;
    target.sm = gpu.sm;
    target.units = gpu.multiprocessors;
    return target;
  }
  return Status::error(Code::invalid_argument, "target \"" + name.substr(0, 80) +
                                                   "\" is unknown, expected one of " + known_targets());
}

/// The kernels of a GPU, run on the CPU: "emulator:sm_61", "emulator:p4".
Result<Target> emulator_target(const std::string& name, std::string_view detail) {
  if (detail.empty())
    return Status::error(Code::invalid_argument,
                         "target \"" + name + "\" names no architecture, expected as in emulator:sm_61");
  RK_TRY(Target target, cuda_target("cuda:" + std::string(detail), detail));
  target.name = name;
  target.device = "emulator";
  return target;
}

Result<Target> cpu_target(const std::string& name, std::string_view level) {
  Target target;
  target.name = name;
  target.isa = detect_isa();
  target.threads = usable_cores();
  target.units = usable_cores();
  target.fast_memory = l2_size();
  if (level.empty()) return target;
  for (size_t i = 0; i < kIsaNames.size(); ++i) {
    if (kIsaNames[i] != level) continue;
    target.isa = std::min(target.isa, Isa(i));  // a cap: tuning runs the kernels here
    return target;
  }
  return Status::error(Code::invalid_argument, "target \"" + name + "\" names the unknown CPU level \"" +
                                                   std::string(level) + "\", expected one of " +
                                                   known_targets());
}

}  // namespace

Isa detect_isa() {
#if defined(__x86_64__)
  // The compilers' tables ask XGETBV before they report AVX and AVX-512, so the operating system is asked
  // too.
  static const Isa isa = [] {
    __builtin_cpu_init();
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    const bool f16c =
        __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;  // clang 14 has no name for it
    const bool avx2 = f16c && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    return avx512 ? Isa::avx512 : avx2 ? Isa::avx2 : Isa::baseline;
  }();
  return isa;
#else
  return Isa::baseline;
#endif
}

Result<Target> parse_target(const std::string& name) {
  const size_t colon = name.find(':');
  const std::string device = name.substr(0, colon);
  const std::string_view detail =
      colon == std::string::npos ? std::string_view() : std::string_view(name).substr(colon + 1);
  if (device == "cpu") {
    if (colon != std::string::npos && detail.empty())
      return Status::error(
          Code::invalid_argument,
          "target \"" + name + "\" ends after the colon, expected one of " + known_targets());
    return cpu_target(name, detail);
  }
  if (device == "cuda") return cuda_target(name, detail);
  if (device == "emulator") return emulator_target(name, detail);
  return Status::error(Code::invalid_argument, "target \"" + name.substr(0, 80) +
                                                   "\" is unknown, expected one of " + known_targets());
}

}  // namespace rekindle
