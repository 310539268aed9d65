// The defaults of the device interface.
// SPDX-License-Identifier: Apache-2.0
#include "device/device.h"

namespace rekindle {

Result<Tensors> Kernel::make_outputs(std::span<const Tensor>, std::span<const int64_t>) const {
  return Status::error(Code::internal, "this kernel does not make its outputs");
}

}  // namespace rekindle
