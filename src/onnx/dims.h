// Small questions about symbolic dims that converters ask. A symbol counts as at least 1 here: the sizes that
// follow are exact for every run whose inputs are not empty, and a size that would come out negative is
// refused when shapes are bound. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <vector>

#include "tensor/dim.h"
#include "tensor/type.h"

namespace rekindle::onnx {

/// What is certain about d.
Range certain_range(const Dim& d);
inline bool is_never_negative(const Dim& d) { return certain_range(d).min >= 0; }
/// min and max without the side that cannot win.
Dim smaller(const Dim& a, const Dim& b);
Dim larger(const Dim& a, const Dim& b);
Dim product(const Shape& shape, size_t from = 0, size_t to = SIZE_MAX);

}  // namespace rekindle::onnx
