// Walking a row-major tensor along one axis.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "tensor/type.h"

namespace rekindle {

/// Calls visit(start, stride, n) for every line of `dims` along `axis`: its elements are start + i*stride, 0
/// <= i < n.
template <class F> void for_each_line(const Dims& dims, int axis, F&& visit) {
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < axis; ++i) outer *= dims[size_t(i)];
  for (size_t i = size_t(axis) + 1; i < dims.size(); ++i) inner *= dims[i];
  const int64_t n = dims[size_t(axis)];
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) visit(o * n * inner + i, inner, n);
}

}  // namespace rekindle
