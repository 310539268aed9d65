// The one list of backends that engines can run on.
// SPDX-License-Identifier: Apache-2.0
#include "api/run/devices.h"

#include "backends/cpu/device.h"
#include "backends/cuda/device.h"

namespace rekindle {

OpenDevice devices_of_this_build() {
  return [](std::string_view name) -> Result<std::shared_ptr<Device>> {
    if (name == "cpu") return open_cpu(detect_isa());
    if (name == "cuda") return open_cuda(0);
    if (name == "emulator")
      return Status::error(Code::unsupported,
                           "the emulator of CUDA kernels is a tool for developing them: only the rekindle "
                           "program of a build with RK_EMULATOR has it");
    for (size_t i = 0; i < kIsaNames.size(); ++i)
      if (name == "cpu:" + std::string(kIsaNames[i])) return open_cpu(Isa(i));
    return Status::error(Code::unsupported,
                         "device '" + std::string(name) + "' is not in this build; there are cpu and cuda");
  };
}

}  // namespace rekindle
