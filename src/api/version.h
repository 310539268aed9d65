// The version, for what builds engines.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/version.h"  // IWYU pragma: export
