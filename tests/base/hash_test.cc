// Hashes against published vectors, and the two ways to a CRC against each other.
// SPDX-License-Identifier: Apache-2.0
#include "base/hash.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

namespace rekindle {
namespace {

std::span<const std::byte> bytes_of(const std::string& s) {
  return std::as_bytes(std::span(s.data(), s.size()));
}

TEST(Crc32c, KnownVectors) {  // RFC 3720, appendix B.4, and the check value of the catalogue
  std::string up(32, '\0'), down(32, '\0');
  std::iota(up.begin(), up.end(), char(0));
  std::iota(down.rbegin(), down.rend(), char(0));
  const std::vector<std::pair<std::string, uint32_t>> vectors = {
      {"", 0},
      {"123456789", 0xe3069283},
      {std::string(32, '\0'), 0x8a9136aa},
      {std::string(32, '\xff'), 0x62a8ab43},
      {up, 0x46dd794e},
      {down, 0x113fdb5c},
  };
  for (const auto& [text, crc] : vectors) {
    EXPECT_EQ(crc32c(text), crc);
    EXPECT_EQ(crc32c_by_table(bytes_of(text)), crc);
  }
}

TEST(Crc32c, BothWaysAgreeOnAnySizeAlignmentAndSplit) {
  std::mt19937 random(1);
  std::string text(300, '\0');
  for (char& c : text) c = char(random());
  for (size_t begin = 0; begin < 9; ++begin)
    for (size_t size = 0; size + begin < text.size(); ++size) {
      const auto part = bytes_of(text).subspan(begin, size);
      EXPECT_EQ(crc32c(part), crc32c_by_table(part));
    }
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(crc32c(bytes_of(text).subspan(cut), crc32c(bytes_of(text).first(cut))), crc32c(text));
    EXPECT_EQ(crc32c_by_table(bytes_of(text).subspan(cut), crc32c_by_table(bytes_of(text).first(cut))),
              crc32c(text));
  }
}

TEST(Hash, KnownValues) {  // xxHash 0.8: they stand in files, so they must never change
  EXPECT_EQ(to_hex(hash64("")), "2d06800538d394c2");
  EXPECT_EQ(to_hex(hash128("")), "99aa06d3014798d86001c324468d497f");
  EXPECT_NE(hash64("a"), hash64("b"));
}

TEST(Hash, PiecesHashAsTheWhole) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += char(i * 7);
  for (const size_t cut : {size_t(0), size_t(1), size_t(100), size_t(1024), text.size()}) {
    Hasher hasher;
    hasher.add(text.substr(0, cut));
    Hasher moved = std::move(hasher);
    moved.add(text.substr(cut));
    EXPECT_EQ(moved.finish(), hash128(text));
  }
}

TEST(Hash, HexRoundTrips) {
  EXPECT_EQ(to_hex(uint32_t(0xab)), "000000ab");
  EXPECT_EQ(to_hex(UINT64_MAX), "ffffffffffffffff");
  const Hash128 h = hash128("x");
  EXPECT_EQ(hash128_from_hex(to_hex(h)), h);
  for (const char* bad : {"", "abc", "0123456789abcdef0123456789abcdeg", "0123456789abcdef 123456789abcdef",
                          "0x23456789abcdef0123456789abcdef"})
    EXPECT_FALSE(hash128_from_hex(bad)) << bad;
  EXPECT_EQ(from_bytes<Hash128>(to_bytes(h)).status().code(), Code::ok);
}

}  // namespace
}  // namespace rekindle
