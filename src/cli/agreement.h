// How far two tensors are apart.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "tensor/tensor.h"

namespace rekindle::cli {

struct Tolerance {
  double atol = 1e-7, rtol = 1e-3;
};
struct Difference {
  double absolute = 0;  // the largest
  double relative = 0;  // that by the largest magnitude of the reference
  int64_t where = 0;    // element of the largest difference
  int64_t outside = 0;  // elements beyond atol + rtol * |reference|, each by its own; exact types: atol
  double got = 0, expected = 0;  // at `where`
};

/// Integers and truth values: an index that is off by a thousandth points elsewhere, so only atol counts for
/// them.
bool is_exact(DType dtype);
/// Empty when dtype and dims agree, else what differs.
std::string type_difference(const Tensor& got, const Tensor& expected);
/// Of two tensors of one type. NaN equals NaN; an infinity only itself. Numbers only.
Difference difference(const Tensor& got, const Tensor& expected, const Tolerance& tolerance);
/// Empty when every element agrees, else what is wrong: dtype, shape, or the worst element. Strings and
/// complex numbers too.
std::string disagreement(const Tensor& got, const Tensor& expected, const Tolerance& tolerance);

}  // namespace rekindle::cli
