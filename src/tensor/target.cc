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

#include "base/file.h"
#include "base/parallel.h"
#include "tensor/gpu.h"

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
  for (const auto& gpu : known_gpus()) text += ", cuda:" + gpu->name;
  return text + ", cuda:sm_61 to cuda:sm_90, cuda:FILE.json, each also with :ptx at its end";
}

Result<std::shared_ptr<const GpuDescription>> read_gpu(const std::string& path) {
  constexpr size_t kMostBytes = 1 << 16;
  RK_TRY(const std::string text, read_file(path, kMostBytes));
  auto gpu = parse_gpu(text);
  if (!gpu.ok()) return Status(gpu.status()).note("while reading " + path);
  return std::make_shared<const GpuDescription>(*std::move(gpu));
}

/// "" (this machine's GPU: sm stays 0 until it is asked), "p4", "sm_75", "my_gpu.json", each perhaps with
/// ":ptx".
Result<Target> cuda_target(const std::string& name, std::string_view detail) {
  Target target;
  target.name = name;
  target.device = "cuda";
  target.fast_memory = 48 * 1024;
  constexpr std::string_view kPtx = ":ptx";  // the kind of code; the name keeps it
  const bool is_ptx = detail.ends_with(kPtx);
  if (is_ptx) detail.remove_suffix(kPtx.size());
  if (detail.empty()) return target;
  if (detail.ends_with(".json")) {
    RK_TRY(target.gpu, read_gpu(std::string(detail)));
    // Engines hold the name and no paths.
    target.name = "cuda:" + target.gpu->name + std::string(is_ptx ? kPtx : "");
  } else {
    target.gpu = find_gpu(detail);
    for (const auto& gpu : known_gpus())
      if (!target.gpu && detail == "sm_" + std::to_string(gpu->sm)) target.gpu = gpu_of_architecture(gpu->sm);
  }
  if (!target.gpu)
    return Status::error(Code::invalid_argument, "target \"" + name.substr(0, 80) +
                                                     "\" is unknown, expected one of " + known_targets());
  target.sm = target.gpu->sm;
  target.units = target.gpu->multiprocessors;
  return target;
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
