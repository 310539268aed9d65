// The headers of every op of all.def, for tables and tests. Other code includes the one it needs.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "math/cast.h"         // IWYU pragma: export
#include "math/conv.h"         // IWYU pragma: export
#include "math/copy.h"         // IWYU pragma: export
#include "math/cumulative.h"   // IWYU pragma: export
#include "math/decoding.h"     // IWYU pragma: export
#include "math/determinant.h"  // IWYU pragma: export
#include "math/einsum.h"       // IWYU pragma: export
#include "math/elementwise.h"  // IWYU pragma: export
#include "math/fail.h"         // IWYU pragma: export
#include "math/image.h"        // IWYU pragma: export
#include "math/matmul.h"       // IWYU pragma: export
#include "math/movement.h"     // IWYU pragma: export
#include "math/norm.h"         // IWYU pragma: export
#include "math/quantize.h"     // IWYU pragma: export
#include "math/random.h"       // IWYU pragma: export
#include "math/reduce.h"       // IWYU pragma: export
#include "math/reinterpret.h"  // IWYU pragma: export
#include "math/resize.h"       // IWYU pragma: export
#include "math/rnn.h"          // IWYU pragma: export
#include "math/sampling.h"     // IWYU pragma: export
#include "math/selection.h"    // IWYU pragma: export
#include "math/sequence.h"     // IWYU pragma: export
#include "math/signal.h"       // IWYU pragma: export
#include "math/softmax.h"      // IWYU pragma: export
#include "math/text.h"         // IWYU pragma: export
#include "math/trees.h"        // IWYU pragma: export
