// The bytes of an engine file: what the writer and the reader share. docs/engine-format.md says it in words.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

#include "base/fields.h"
#include "base/result.h"

namespace rekindle::engine_format {

inline constexpr std::string_view kMagic = "REKINDLE";
inline constexpr uint32_t kByteOrder = 0x01020304;
inline constexpr uint32_t kMostSections = 64;

/// The first 40 bytes; the table follows. `header_crc` is over the bytes before it and the table.
struct Header {
  std::array<char, 8> magic{};
  uint16_t major = 0, minor = 0;
  uint32_t section_count = 0;
  uint64_t total_size = 0;
  uint64_t content_hash =
      0;  // over every section but the weights, and over the table, which has their checksum
  uint32_t byte_order = 0;
  uint32_t header_crc = 0;
};
static_assert(sizeof(Header) == 40);
inline constexpr size_t kHeaderCrcAt = 36;

struct Section {
  uint32_t tag = 0, flags = 0;
  uint64_t offset = 0, size = 0;
  uint32_t crc = 0, pad = 0;
};
static_assert(sizeof(Section) == 32);

enum Flags : uint32_t {
  optional = 1,  // a reader that does not know the tag skips the section
  zstd = 2,      // one zstd frame that says its content's size
};
inline constexpr uint32_t kKnownFlags = optional | zstd;

constexpr uint32_t tag_of(std::string_view name) {
  uint32_t tag = 0;
  for (size_t i = 0; i < 4; ++i) tag |= uint32_t(uint8_t(i < name.size() ? name[i] : ' ')) << (8 * i);
  return tag;
}
inline constexpr uint32_t kMeta = tag_of("META"), kPlan = tag_of("PLAN"), kCode = tag_of("KRNL"),
                          kWeights = tag_of("WGHT"), kTuning = tag_of("TUNE"), kIr = tag_of("IR");

constexpr uint64_t alignment_of(uint32_t tag) { return tag == kWeights ? 4096 : tag == kCode ? 256 : 8; }
constexpr uint64_t align_up(uint64_t at, uint64_t alignment) {
  return (at + alignment - 1) / alignment * alignment;
}

/// "PLAN", or a number for a tag that is not text.
std::string tag_text(uint32_t tag);

}  // namespace rekindle::engine_format
