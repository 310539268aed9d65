// The devices of this build, for whoever loads engines.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "device/device.h"

namespace rekindle {

OpenDevice devices_of_this_build();

}  // namespace rekindle
