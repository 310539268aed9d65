// The backends of this build, by name.
// SPDX-License-Identifier: Apache-2.0
#include "api/builder.h"
#include "api/run/devices.h"
#include "backends/cpu/device.h"
#include "backends/cpu/tactics/table.h"
#include "backends/cuda/device.h"
#include "backends/cuda/tactics/code_cache.h"
#include "backends/cuda/tactics/table.h"
#include "tensor/gpu.h"

namespace rekindle {

namespace {

/// Null until use_emulator().
std::shared_ptr<Device>& emulator() {
  static std::shared_ptr<Device> device;
  return device;
}

Result<Backend> host_backend() {
  RK_TRY(const Target target, parse_target("cpu"));
  Backend backend{open_cpu(target.isa), cpu::tactics()};
  backend.host_target = target;
  return backend;
}

}  // namespace

void use_emulator(std::shared_ptr<Device> device, const cuda::KernelCompiler& compiler) {
  emulator() = std::move(device);
  cuda::set_emulated_compiler(&compiler);
}

OpenDevice open_devices() {
  return [others = devices_of_this_build()](std::string_view name) -> Result<std::shared_ptr<Device>> {
    if (name == "emulator" && emulator()) return emulator();
    return others(name);
  };
}

Result<std::shared_ptr<void>> use_kernel_cache(const std::string& folder, std::vector<std::string>& notes) {
  if (folder.empty()) return std::shared_ptr<void>();
  RK_CHECK(cuda::CodeCache::of_process().use_folder(folder));
  return std::shared_ptr<void>(&notes, [folder](void* to) {
    for (std::string& note : cuda::CodeCache::of_process().stop_using(folder))
      static_cast<std::vector<std::string>*>(to)->push_back(std::move(note));
  });
}

Result<Target> resolve_target(const std::string& name) {
  RK_TRY(Target target, parse_target(name));
  if (target.device != "cuda" || target.sm != 0) return target;
  RK_TRY(const std::vector<GpuProperties> gpus, list_gpus());
  if (gpus.empty()) return Status::error(Code::device, "this machine has no GPU for target \"" + name + "\"");
  target.sm = gpus[0].sm;
  target.units = gpus[0].multiprocessors;
  target.gpu = describe_gpu({gpus[0].name, gpus[0].sm, gpus[0].multiprocessors, gpus[0].l2_bytes,
                             gpus[0].clock_ghz, gpus[0].memory_gb_per_s});
  return target;
}

Result<Backend> backend_for(const Target& target) {
  if (target.device == "cpu") return Backend{open_cpu(target.isa), cpu::tactics()};
  if (target.device == "emulator" && !emulator()) return devices_of_this_build()("emulator").status();
  if (target.device == "cuda" || target.device == "emulator") {
    Backend backend{nullptr, cuda::tactics()};
    backend.name = target.device == "cuda" ? "cuda" : "emulator";
    RK_TRY(Backend host, host_backend());
    backend.host_target = host.host_target;
    backend.host = std::make_shared<const Backend>(std::move(host));
    // Without a detail it is the GPU of this machine, and tuning measures there.
    if (target.name == "cuda") {
      RK_TRY(backend.device, open_cuda(0));
    }
    return backend;
  }
  return Status::error(Code::unsupported,
                       "device '" + target.device + "' is not in this build; there are cpu and cuda");
}

}  // namespace rekindle
