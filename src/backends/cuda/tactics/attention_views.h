// Attention between index maps: where q, k, v and the result lie in the tensors that the region reads and
// writes.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "backends/cuda/tactics/writer.h"
#include "compiler/strides.h"

namespace rekindle::cuda {

/// A value seen as a strided part of a tensor that the kernel gets.
struct MappedValue {
  ValueId tensor = ValueId::none;
  Shape shape;  // of the value
  Dim offset;
  Strides strides;

  const Dim& row_step() const { return strides[strides.size() - 2]; }
  /// Whether every row begins at a multiple of `count` elements of the tensor.
  bool is_aligned(int64_t count) const;
  /// C text of the offset of the item whose batch indices are z0, z1 …
  std::string item_offset(KernelWriter& writer, size_t batch_rank) const;
};

/// The anchor's first three inputs and its result. Refuses regions with anything but reshapes, transposes and
/// slices around the anchor, and rows that are not contiguous.
Result<std::vector<MappedValue>> mapped_values(const Region& region);

}  // namespace rekindle::cuda
