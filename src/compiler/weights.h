// The engine's weight section while it is made: equal tensors are stored once.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <unordered_map>
#include <vector>

#include "tensor/tensor.h"

namespace rekindle {

class WeightStore {
 public:
  /// The byte offset of the tensor's data, 64-byte aligned. Tensors of strings are an error.
  Result<uint64_t> add(const Tensor& tensor);
  std::string take() && { return std::move(bytes_); }
  size_t size() const { return bytes_.size(); }

 private:
  std::string bytes_;
  std::unordered_multimap<uint64_t, std::pair<uint64_t, int64_t>> by_hash_;  // to offset and size
};

}  // namespace rekindle
