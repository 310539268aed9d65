// Ops whose axes or sizes are only known by running, spelled out: the rank is known, so shape arithmetic at
// run time does.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "onnx/builder.h"

namespace rekindle::onnx {

/// How many elements the list has; an error when it is no list of known length.
Result<int64_t> list_length(const Builder& build, ValueId list, const char* what);
/// Axes of a tensor of this rank, counted from the front.
Result<ValueId> axes_from_front(Builder& build, ValueId axes, int64_t rank);
/// The shape (i64) of x with ones at the axes, or without the axes.
Result<ValueId> unsqueezed_shape(Builder& build, ValueId x, ValueId axes);
Result<ValueId> squeezed_shape(Builder& build, ValueId x, ValueId axes);
/// Pads of all axes from those of some.
Result<ValueId> spread_runtime_pads(Builder& build, ValueId pads, ValueId axes, int64_t rank);

}  // namespace rekindle::onnx
