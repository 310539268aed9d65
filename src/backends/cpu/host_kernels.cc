// The table of host kernels.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/host_kernels.h"

#include <string>

namespace rekindle::cpu {

#define RK_HOST_KERNEL(name, factory) \
  Result<std::shared_ptr<const Kernel>> factory(std::string_view params, Isa isa);
#include "backends/cpu/host_kernels.def"
#undef RK_HOST_KERNEL

Result<std::shared_ptr<const Kernel>> make_kernel(std::string_view name, std::string_view params, Isa isa) {
  constexpr std::pair<std::string_view, KernelFactory> kTable[] = {
#define RK_HOST_KERNEL(kernel_name, factory) {kernel_name, factory},
#include "backends/cpu/host_kernels.def"
#undef RK_HOST_KERNEL
  };
  for (const auto& [known, factory] : kTable) {
    if (known != name) continue;
    auto kernel = factory(params, isa);
    if (!kernel.ok()) return kernel.status().note("while loading kernel " + std::string(name));
    return kernel;
  }
  return Status::error(Code::data_loss, "there is no cpu kernel named '" + std::string(name) + "'");
}

}  // namespace rekindle::cpu
