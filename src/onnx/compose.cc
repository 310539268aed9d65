// The parts of compositions that are more than one line.
// SPDX-License-Identifier: Apache-2.0
#include "onnx/compose.h"

#include <numeric>

namespace rekindle::onnx {

constexpr int64_t kMostListed = 1024;  // a longer list is made by running

ValueId Composition::range(const Dim& count) {
  if (const auto n = count.as_int(); n && *n <= kMostListed) {
    std::vector<int64_t> numbers(static_cast<size_t>(std::max<int64_t>(*n, 0)));
    std::iota(numbers.begin(), numbers.end(), 0);
    return list(numbers);
  }
  const ValueId zero = number(DType::i64, 0), one = number(DType::i64, 1);
  return (*this)(ops::Range{.count = count}, {zero, zero, one});
}

}  // namespace rekindle::onnx
