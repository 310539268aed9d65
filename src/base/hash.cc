// XXH3 from xxHash, CRC-32C by instruction or table.
// SPDX-License-Identifier: Apache-2.0
#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>
#include <charconv>
#include <new>

#include "base/result.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace rekindle {

namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // Castagnoli's, bits reversed

/// Slicing by eight: table[k][b] is the CRC of byte b followed by k zero bytes.
constexpr auto kTables = [] {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t b = 0; b < 256; ++b) {
    uint32_t crc = b;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    tables[0][b] = crc;
  }
  for (size_t k = 1; k < 8; ++k)
    for (uint32_t b = 0; b < 256; ++b)
      tables[k][b] = (tables[k - 1][b] >> 8) ^ tables[0][tables[k - 1][b] & 0xff];
  return tables;
}();

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

#if defined(__x86_64__)
/// The instruction has a latency of 3 and a throughput of 1, so three streams would triple this; at about 8
/// GB/s one stream already outruns the disk.
__attribute__((target("sse4.2"))) uint32_t crc32c_by_instruction(std::span<const std::byte> bytes,
                                                                 uint32_t so_far) {
  uint64_t crc = ~so_far;
  const std::byte* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; left -= 8, at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, at, 8);
    crc = _mm_crc32_u64(crc, word);
  }
  auto crc32 = uint32_t(crc);
  for (; left > 0; --left, ++at) crc32 = _mm_crc32_u8(crc32, uint8_t(*at));
  return ~crc32;
}
#endif

}  // namespace

uint64_t hash64(std::span<const std::byte> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }
uint64_t hash64(std::string_view text) { return hash64(bytes_of(text)); }

Hash128 hash128(std::span<const std::byte> bytes) {
  const XXH128_hash_t h = XXH3_128bits(bytes.data(), bytes.size());
  return {h.low64, h.high64};
}
Hash128 hash128(std::string_view text) { return hash128(bytes_of(text)); }

Hasher::Hasher() : state_(XXH3_createState()) {
  RK_ASSERT(state_ != nullptr, "out of memory for a hash state");
  XXH3_128bits_reset(static_cast<XXH3_state_t*>(state_));
}
Hasher::~Hasher() { XXH3_freeState(static_cast<XXH3_state_t*>(state_)); }
Hasher::Hasher(Hasher&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
Hasher& Hasher::operator=(Hasher&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}
void Hasher::add(std::span<const std::byte> bytes) {
  if (!bytes.empty()) XXH3_128bits_update(static_cast<XXH3_state_t*>(state_), bytes.data(), bytes.size());
}
void Hasher::add(std::string_view text) { add(bytes_of(text)); }
Hash128 Hasher::finish() const {
  const XXH128_hash_t h = XXH3_128bits_digest(static_cast<const XXH3_state_t*>(state_));
  return {h.low64, h.high64};
}

uint32_t crc32c(std::span<const std::byte> bytes, uint32_t so_far) {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
  if (has_instruction) return crc32c_by_instruction(bytes, so_far);
#endif
  return crc32c_by_table(bytes, so_far);
}
uint32_t crc32c(std::string_view text, uint32_t so_far) { return crc32c(bytes_of(text), so_far); }

uint32_t crc32c_by_table(std::span<const std::byte> bytes, uint32_t so_far) {
  uint32_t crc = ~so_far;
  const std::byte* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; left -= 8, at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, at, 8);
    word ^= crc;
    crc = 0;
    for (size_t k = 0; k < 8; ++k) crc ^= kTables[7 - k][(word >> (8 * k)) & 0xff];
  }
  for (; left > 0; --left, ++at) crc = (crc >> 8) ^ kTables[0][(crc ^ uint8_t(*at)) & 0xff];
  return ~crc;
}

std::string to_hex(uint64_t value) {
  std::string text(16, '0');
  for (size_t i = 16; i-- > 0; value >>= 4) text[i] = "0123456789abcdef"[value & 15];
  return text;
}
std::string to_hex(uint32_t value) { return to_hex(uint64_t(value)).substr(8); }
std::string to_hex(const Hash128& hash) { return to_hex(hash.high) + to_hex(hash.low); }

std::optional<Hash128> hash128_from_hex(std::string_view text) {
  if (text.size() != 32) return std::nullopt;
  Hash128 hash;
  const auto high = std::from_chars(text.data(), text.data() + 16, hash.high, 16);
  const auto low = std::from_chars(text.data() + 16, text.data() + 32, hash.low, 16);
  if (high.ptr != text.data() + 16 || low.ptr != text.data() + 32) return std::nullopt;
  return hash;
}

}  // namespace rekindle
