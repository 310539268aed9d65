// rekindle devices: what this machine offers, and which program this is.
// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <memory>
#include <thread>

#include "api/builder.h"
#include "api/version.h"
#include "backends/cuda/device.h"
#include "base/parallel.h"
#include "cli/command.h"
#include "tensor/gpu.h"

namespace rekindle::cli {

namespace {

/// The name in /proc/cpuinfo; empty when there is none.
std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("model name")) continue;
    const size_t at = line.find(": ");
    return at == std::string::npos ? "" : line.substr(at + 2);
  }
  return {};
}

struct Cache {
  const char* name;
  int key;
};
constexpr Cache kCaches[] = {
    {"l1d", _SC_LEVEL1_DCACHE_SIZE}, {"l2", _SC_LEVEL2_CACHE_SIZE}, {"l3", _SC_LEVEL3_CACHE_SIZE}};

/// The GPUs, or one line that says why there are none to use.
void add_gpus(Json& json, bool prints) {
  const auto gpus = list_gpus();
  if (!gpus.ok()) {
    json["cuda"] = gpus.status().message();
    if (prints) std::printf("cuda: none (%s)\n", gpus.status().message().c_str());
    return;
  }
  for (size_t i = 0; i < gpus->size(); ++i) {
    const GpuProperties& gpu = (*gpus)[i];
    Json entry;
    entry["name"] = "cuda";
    entry["number"] = i;
    entry["processor"] = gpu.name;
    entry["sm"] = gpu.sm;
    entry["multiprocessors"] = gpu.multiprocessors;
    entry["memory_bytes"] = gpu.memory_bytes;
    entry["l2_bytes"] = gpu.l2_bytes;
    if (prints)
      std::printf("cuda: %s\n  architecture     sm_%d\n  multiprocessors  %d\n  memory           %s\n",
                  gpu.name.c_str(), gpu.sm, gpu.multiprocessors, human_bytes(gpu.memory_bytes).c_str());
    json["devices"].push_back(std::move(entry));
  }
}

/// What engines can be built for without having it.
void add_known_gpus(Json& json, bool prints) {
  if (prints) std::printf("GPUs that engines can be built for here (docs/targets.md)\n");
  for (const auto& gpu : known_gpus()) {
    const double teraflops = 2 * gpu->per_us(GpuMath::f32) / 1e6;
    json["known_gpus"].push_back({{"target", "cuda:" + gpu->name},
                                  {"title", gpu->title},
                                  {"sm", gpu->sm},
                                  {"multiprocessors", gpu->multiprocessors},
                                  {"fp32_tflops_sustained", teraflops},
                                  {"memory_gb_per_s", gpu->memory}});
    if (prints)
      std::printf("  %-18s %-28s sm_%d, %3d multiprocessors, %5.1f TFLOP/s in FP32, %4.0f GB/s\n",
                  ("cuda:" + gpu->name).c_str(), gpu->title.c_str(), gpu->sm, gpu->multiprocessors, teraflops,
                  gpu->memory);
  }
}

Result<int> list_devices(const std::string& json_path) {
  Json json;
  json["version"] = kVersion;
  Json cpu;
  cpu["name"] = "cpu";
  cpu["processor"] = processor_name();
  cpu["isa"] = std::string(enum_name(detect_isa()));
  cpu["cores_usable"] = usable_cores();
  cpu["cores_online"] = std::thread::hardware_concurrency();
  cpu["memory_bytes"] = int64_t(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  for (const Cache& c : kCaches)
    if (const long bytes = sysconf(c.key); bytes > 0) cpu["cache_bytes"][c.name] = bytes;
  RK_TRY(const Target target, parse_target("cpu"));
  RK_TRY(const Backend backend, backend_for(target));
  for (const Tactic* tactic : backend.tactics) cpu["tactics"].push_back(std::string(tactic->name()));
  if (json_path != "-") {
    std::printf("rekindle %s\n", kVersion);
    std::printf("cpu: %s\n", cpu["processor"].get<std::string>().c_str());
    std::printf("  instruction set  %s\n", cpu["isa"].get<std::string>().c_str());
    std::printf("  cores            %d usable of %u\n", usable_cores(), std::thread::hardware_concurrency());
    std::printf("  memory           %s\n", human_bytes(cpu["memory_bytes"].get<int64_t>()).c_str());
    for (const Cache& c : kCaches)
      if (const long bytes = sysconf(c.key); bytes > 0)
        std::printf("  cache %-10s %s\n", c.name, human_bytes(bytes).c_str());
    std::printf("  tactics         ");
    for (const Tactic* tactic : backend.tactics) std::printf(" %s", std::string(tactic->name()).c_str());
    std::printf("\n");
  }
  json["devices"].push_back(std::move(cpu));
  add_gpus(json, json_path != "-");
  add_known_gpus(json, json_path != "-");
  if (!json_path.empty()) RK_CHECK(write_json(std::move(json), json_path));
  return kOk;
}

}  // namespace

void add_devices(CLI::App& app, Command& chosen) {
  auto* command = app.add_subcommand("devices", "Show what this machine offers");
  auto json = std::make_shared<std::string>();
  command->add_option("--json", *json, "write it; - is stdout");
  command->footer("Example:\n  rekindle devices --json -");
  command->callback([json, &chosen] { chosen.run = [json] { return list_devices(*json); }; });
}

}  // namespace rekindle::cli
