// Interval questions about dims, with every symbol at least 1.
// SPDX-License-Identifier: Apache-2.0
#include "onnx/dims.h"

#include <algorithm>
#include <set>
#include <string>

namespace rekindle::onnx {

Range certain_range(const Dim& d) {
  std::set<std::string, std::less<>> symbols;
  d.collect_symbols(symbols);
  Profile profile;
  for (const std::string& s : symbols) profile[s] = Range{.min = 1, .opt = 1, .max = INT64_MAX};
  return d.range(profile);
}

Dim smaller(const Dim& a, const Dim& b) {
  if (is_never_negative(b - a)) return a;
  if (is_never_negative(a - b)) return b;
  return min(a, b);
}

Dim larger(const Dim& a, const Dim& b) {
  if (is_never_negative(a - b)) return a;
  if (is_never_negative(b - a)) return b;
  return max(a, b);
}

Dim product(const Shape& shape, size_t from, size_t to) {
  Dim count = 1;
  for (size_t i = from; i < std::min(to, shape.size()); ++i) count = count * shape[i];
  return count;
}

}  // namespace rekindle::onnx
