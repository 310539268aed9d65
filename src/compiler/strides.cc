// What index maps make of strides.
// SPDX-License-Identifier: Apache-2.0
#include "compiler/strides.h"

namespace rekindle {

Strides contiguous_strides(const Shape& shape) {
  Strides strides(shape.size());
  Dim stride = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride = stride * shape[i];
  }
  return strides;
}

bool is_contiguous(const Shape& shape, const Strides& strides) {
  Dim expected = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i].is(1)) continue;
    if (strides[i] != expected) return false;
    expected = expected * shape[i];
  }
  return true;
}

bool has_contiguous_rows(const Shape& shape, const Strides& strides) {
  return shape.empty() || shape.back().is(1) || strides.back().is(1);
}

void normalize_ones(const Shape& shape, Strides& strides) {
  for (size_t i = shape.size(); i-- > 0;)
    if (shape[i].is(1)) strides[i] = i + 1 == shape.size() ? Dim(1) : strides[i + 1] * shape[i + 1];
}

namespace {

/// Dims of a shape that are not 1, with their strides.
struct Axes {
  Shape sizes;
  Strides strides;
};

Axes axes_of(const Shape& shape, const Strides& strides) {
  Axes axes;
  for (size_t i = 0; i < shape.size(); ++i)
    if (!shape[i].is(1)) axes.sizes.push_back(shape[i]), axes.strides.push_back(strides[i]);
  return axes;
}

/// The least numbers of dims from `i` and `j` on whose products are equal.
struct Run {
  size_t from = 0, to = 0;
};
std::optional<Run> equal_run(const Shape& from, size_t i, const Shape& to, size_t j) {
  std::vector<Dim> products;  // of from[i], from[i]·from[i+1], …
  for (Dim product = 1; i + products.size() < from.size(); products.push_back(product))
    product = product * from[i + products.size()];
  Dim product = 1;
  for (size_t b = 0; j + b < to.size(); ++b) {
    product = product * to[j + b];
    for (size_t a = 0; a < products.size(); ++a)
      if (products[a] == product) return Run{a + 1, b + 1};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Strides> reshaped(const Shape& from, const Strides& strides, const Shape& to) {
  const Axes have = axes_of(from, strides);
  Shape wanted;
  for (const Dim& d : to)
    if (!d.is(1)) wanted.push_back(d);
  Strides made(wanted.size());
  size_t i = 0, j = 0;
  while (i < have.sizes.size() || j < wanted.size()) {
    const auto run = equal_run(have.sizes, i, wanted, j);
    if (!run) return std::nullopt;
    for (size_t k = i; k + 1 < i + run->from; ++k)
      if (have.strides[k] != have.strides[k + 1] * have.sizes[k + 1]) return std::nullopt;
    Dim stride = have.strides[i + run->from - 1];
    for (size_t k = j + run->to; k-- > j;) {
      made[k] = stride;
      stride = stride * wanted[k];
    }
    i += run->from;
    j += run->to;
  }
  Strides result;
  j = 0;
  for (const Dim& d : to) result.push_back(d.is(1) ? Dim(1) : made[j++]);
  normalize_ones(to, result);
  return result;
}

std::vector<int64_t> inverse_permutation(const std::vector<int64_t>& perm, size_t rank) {
  std::vector<int64_t> inverse(rank);
  for (size_t i = 0; i < rank; ++i) {
    const int64_t at = perm.empty() ? int64_t(rank - 1 - i) : perm[i] < 0 ? perm[i] + int64_t(rank) : perm[i];
    inverse[size_t(at)] = int64_t(i);
  }
  return inverse;
}

Strides permuted(const Strides& strides, const std::vector<int64_t>& perm) {
  Strides made(strides.size());
  const auto back = inverse_permutation(perm, strides.size());
  for (size_t i = 0; i < strides.size(); ++i) made[size_t(back[i])] = strides[i];
  return made;
}

}  // namespace rekindle
