// Arithmetic of transpose permutations: output dim i of a transpose is input dim perm[i].
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <numeric>
#include <vector>

#include "tensor/type.h"

namespace rekindle::passes {

using Permutation = std::vector<int64_t>;

inline Permutation inverse(const Permutation& p) {
  Permutation q(p.size());
  for (size_t i = 0; i < p.size(); ++i) q[size_t(p[i])] = int64_t(i);
  return q;
}
/// transpose(transpose(x, first), second) == transpose(x, compose(first, second)).
inline Permutation compose(const Permutation& first, const Permutation& second) {
  Permutation p(second.size());
  for (size_t i = 0; i < second.size(); ++i) p[i] = first[size_t(second[i])];
  return p;
}
inline bool is_identity(const Permutation& p) {
  for (size_t i = 0; i < p.size(); ++i)
    if (p[i] != int64_t(i)) return false;
  return true;
}
/// Whether the transpose only moves dims of 1 around, so that it is a reshape.
inline bool only_moves_ones(const Permutation& p, const Shape& in) {
  int64_t last = -1;
  for (int64_t i : p) {
    if (in[size_t(i)].is(1)) continue;
    if (i < last) return false;
    last = i;
  }
  return true;
}

}  // namespace rekindle::passes
