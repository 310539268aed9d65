// Copying elements between tensors whatever their type: plain bytes, packed 4- and 2-bit elements, strings.
// Every op that only moves elements is an index map over these copies.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "tensor/tensor.h"

namespace rekindle {

/// Copies from one tensor to another of the same type. Positions and steps count elements.
class ElementCopier {
 public:
  ElementCopier(const Tensor& from, Tensor& to);
  /// to[at + i] = from[start + i] for 0 <= i < n
  void run(int64_t start, int64_t at, int64_t n) const { strided(start, 1, at, 1, n); }
  /// to[at + i] = from[start] for 0 <= i < n
  void fill(int64_t start, int64_t at, int64_t n) const { strided(start, 0, at, 1, n); }
  /// to[at + i * at_step] = from[start + i * start_step] for 0 <= i < n
  void strided(int64_t start, int64_t start_step, int64_t at, int64_t at_step, int64_t n) const;

 private:
  const Tensor& from_;
  Tensor& to_;
  const std::byte* from_bytes_;
  std::byte* to_bytes_;
  int bits_;  // of an element; 0 for strings
};

/// Where the element with index (i0, i1, …) lies: start + i0 * strides[0] + i1 * strides[1] + …, in elements.
struct ElementMap {
  int64_t start = 0;
  Dims strides;
};
inline ElementMap contiguous_map(const Dims& dims) { return {0, contiguous_strides(dims)}; }

/// Copies every index of `dims` from one place to another; strides may be 0 (in `from`) or negative.
void copy_elements(const Tensor& from, ElementMap from_map, Tensor& to, ElementMap to_map, Dims dims);

/// One element of the type whose bits are 0: the number 0, false or "".
Tensor zero_element(DType dtype);

}  // namespace rekindle
