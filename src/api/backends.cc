// The backends of this build, by name.
// SPDX-License-Identifier: Apache-2.0
#include "api/builder.h"
#include "backends/cpu/device.h"
#include "backends/cpu/tactics/table.h"

namespace rekindle {

OpenDevice open_devices() {
  return [](std::string_view name) -> Result<std::shared_ptr<Device>> {
    if (name == "cpu") return open_cpu(detect_isa());
    return Status::error(Code::unsupported, "device '" + std::string(name) + "' is not in this build; there is cpu");
  };
}

Result<Backend> backend_for(const Target& target) {
  if (target.device == "cpu") return Backend{open_cpu(target.isa), cpu::tactics()};
  return Status::error(Code::unsupported, "device '" + target.device + "' is not in this build; there is cpu");
}

}  // namespace rekindle
