// The backends of this build, by name.
// SPDX-License-Identifier: Apache-2.0
#include "api/builder.h"
#include "api/run/devices.h"
#include "backends/cpu/device.h"
#include "backends/cpu/tactics/table.h"

namespace rekindle {

OpenDevice open_devices() { return devices_of_this_build(); }

Result<Backend> backend_for(const Target& target) {
  if (target.device == "cpu") return Backend{open_cpu(target.isa), cpu::tactics()};
  return Status::error(Code::unsupported,
                       "device '" + target.device + "' is not in this build; there is cpu");
}

}  // namespace rekindle
