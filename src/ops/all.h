// The headers of every op, for the table and for tests. Other code includes the one it needs.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/all.h"  // IWYU pragma: export
#include "ops/if.h"
#include "ops/loop.h"
#include "ops/region.h"
