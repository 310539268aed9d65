// Hashes: XXH3 for keys and content, CRC-32C for file sections, and their text.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/encode.h"
#include "base/fields.h"

namespace rekindle {

/// XXH3, seed 0. Fast, not cryptographic: it tells contents apart, it does not keep an attacker from forging
/// one.
uint64_t hash64(std::span<const std::byte> bytes);
uint64_t hash64(std::string_view text);

struct Hash128 {
  uint64_t low = 0, high = 0;
  static constexpr auto fields = rekindle::fields("low", &Hash128::low, "high", &Hash128::high);
  bool operator==(const Hash128&) const = default;
  auto operator<=>(const Hash128&) const = default;
};
Hash128 hash128(std::span<const std::byte> bytes);
Hash128 hash128(std::string_view text);

/// The same hash from pieces, for content that is never in memory at once.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;
  void add(std::span<const std::byte> bytes);
  void add(std::string_view text);
  Hash128 finish() const;

 private:
  void* state_;
};

/// CRC-32C (Castagnoli, as in iSCSI and ext4); `so_far` is the result for the bytes before these.
uint32_t crc32c(std::span<const std::byte> bytes, uint32_t so_far = 0);
uint32_t crc32c(std::string_view text, uint32_t so_far = 0);
/// The same without the SSE 4.2 instruction, for tests and other machines.
uint32_t crc32c_by_table(std::span<const std::byte> bytes, uint32_t so_far = 0);

/// Fixed width, lower case, most significant digit first.
std::string to_hex(uint32_t value);
std::string to_hex(uint64_t value);
std::string to_hex(const Hash128& hash);  // 32 digits, high half first
std::optional<Hash128> hash128_from_hex(std::string_view text);

}  // namespace rekindle

template <> struct std::hash<rekindle::Hash128> {
  size_t operator()(const rekindle::Hash128& h) const noexcept {
    return h.low ^ (h.high * 0x9e3779b97f4a7c15);
  }
};
