// The headers of every op, for the table and for tests. Other code includes the one it needs.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/elementwise.h"
#include "math/movement.h"
#include "math/softmax.h"
