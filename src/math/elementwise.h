// Elementwise ops: each is its formula. From it follow types, reference, CPU kernels and CUDA source.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/elementwise_activation.h"  // IWYU pragma: export
#include "math/elementwise_arithmetic.h"  // IWYU pragma: export
#include "math/elementwise_compare.h"     // IWYU pragma: export
