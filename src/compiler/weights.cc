// Storing weights once each.
// SPDX-License-Identifier: Apache-2.0
#include "compiler/weights.h"

#include <cstring>

#include "base/hash.h"

namespace rekindle {

Result<uint64_t> WeightStore::add(const Tensor& tensor) {
  if (tensor.dtype() == DType::string)
    return Status::error(Code::unsupported, "a constant tensor of strings cannot be stored as a weight");
  constexpr size_t kAlignment = 64;
  const int64_t size = tensor.bytes();
  if (size == 0) return uint64_t(0);
  const auto* data = static_cast<const std::byte*>(tensor.raw());
  const uint64_t hash = hash64({data, size_t(size)});
  const auto [first, last] = by_hash_.equal_range(hash);
  for (auto it = first; it != last; ++it)
    if (it->second.second == size && std::memcmp(bytes_.data() + it->second.first, data, size_t(size)) == 0)
      return it->second.first;
  bytes_.resize((bytes_.size() + kAlignment - 1) / kAlignment * kAlignment);
  const uint64_t offset = bytes_.size();
  bytes_.append(reinterpret_cast<const char*>(data), size_t(size));
  by_hash_.emplace(hash, std::pair(offset, size));
  return offset;
}

}  // namespace rekindle
