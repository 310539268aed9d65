// PNG: chunks, inflate (RFC 1951), row filters.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "math/image.h"

namespace rekindle {

namespace {

/// Bits of a deflate stream, the lowest of each byte first.
class Bits {
 public:
  explicit Bits(Bytes data) : data_(data) {}
  uint32_t take(int count) {
    uint32_t value = 0;
    for (int i = 0; i < count; ++i) value |= bit() << i;
    return value;
  }
  uint32_t bit() {
    if (at_ / 8 >= data_.size()) return ended_ = true, 0;
    const uint32_t b = data_[at_ / 8] >> (at_ % 8) & 1;
    ++at_;
    return b;
  }
  void align() { at_ = (at_ + 7) / 8 * 8; }
  bool ended() const { return ended_; }

 private:
  Bytes data_;
  size_t at_ = 0;
  bool ended_ = false;
};

/// Canonical Huffman codes: how many of each length, and the symbols in their order.
struct Codes {
  std::array<uint16_t, 16> counts{};
  std::vector<uint16_t> symbols;
  explicit Codes(std::span<const uint8_t> lengths) {
    for (const uint8_t l : lengths) ++counts[l];
    counts[0] = 0;
    std::array<uint16_t, 16> next{};
    for (size_t l = 1; l < 15; ++l) next[l + 1] = uint16_t(next[l] + counts[l]);
    symbols.resize(lengths.size());
    for (size_t s = 0; s < lengths.size(); ++s)
      if (lengths[s]) symbols[next[lengths[s]]++] = uint16_t(s);
  }
  /// -1 when no code matches.
  int read(Bits& bits) const {
    int code = 0, first = 0, index = 0;
    for (size_t l = 1; l < 16; ++l) {
      code |= int(bits.bit());
      if (code - first < counts[l]) return symbols[size_t(index + code - first)];
      index += counts[l];
      first = (first + counts[l]) << 1;
      code <<= 1;
    }
    return -1;
  }
};

constexpr std::array<uint16_t, 29> kLengths{3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                            31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
constexpr std::array<uint8_t, 29> kLengthBits{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                              2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
constexpr std::array<uint16_t, 30> kDistances{1,    2,    3,    4,    5,    7,    9,    13,    17,    25,
                                              33,   49,   65,   97,   129,  193,  257,  385,   513,   769,
                                              1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};

bool inflate_block(Bits& bits, const Codes& literals, const Codes& distances, std::vector<uint8_t>& out,
                   size_t most) {
  for (;;) {
    const int symbol = literals.read(bits);
    if (symbol < 0 || symbol > 285 || bits.ended()) return false;
    if (symbol == 256) return true;
    if (symbol < 256) {
      if (out.size() >= most) return false;
      out.push_back(uint8_t(symbol));
      continue;
    }
    const auto l = size_t(symbol - 257);
    const size_t length = kLengths[l] + bits.take(kLengthBits[l]);
    const int code = distances.read(bits);
    if (code < 0 || code > 29) return false;
    const size_t distance = kDistances[size_t(code)] + bits.take(code < 2 ? 0 : (code - 2) / 2);
    if (distance > out.size() || length > most - out.size()) return false;
    for (size_t i = 0; i < length; ++i) out.push_back(out[out.size() - distance]);
  }
}

bool inflate_dynamic(Bits& bits, std::vector<uint8_t>& out, size_t most) {
  constexpr std::array<uint8_t, 19> kOrder{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
  const size_t literals = bits.take(5) + 257, distances = bits.take(5) + 1, given = bits.take(4) + 4;
  std::array<uint8_t, 19> small{};
  for (size_t i = 0; i < given; ++i) small[kOrder[i]] = uint8_t(bits.take(3));
  const Codes codes(small);
  std::vector<uint8_t> lengths;
  while (lengths.size() < literals + distances) {
    const int symbol = codes.read(bits);
    if (symbol < 0 || bits.ended() || (symbol == 16 && lengths.empty())) return false;
    if (symbol < 16) {
      lengths.push_back(uint8_t(symbol));
      continue;
    }
    const uint8_t value = symbol == 16 ? lengths.back() : 0;
    const size_t times = symbol == 16   ? bits.take(2) + 3
                         : symbol == 17 ? bits.take(3) + 3
                                        : bits.take(7) + 11;
    lengths.insert(lengths.end(), times, value);
  }
  if (lengths.size() != literals + distances) return false;
  const std::span all(lengths);
  return inflate_block(bits, Codes(all.first(literals)), Codes(all.subspan(literals)), out, most);
}

/// The bytes of a zlib stream; false when it is damaged or makes more than `most`.
bool inflate(Bytes data, std::vector<uint8_t>& out, size_t most) {
  if (data.size() < 2 || (data[0] & 15) != 8 || (data[1] & 32)) return false;
  Bits bits(data.subspan(2));
  for (bool last = false; !last;) {
    last = bits.bit();
    const uint32_t kind = bits.take(2);
    if (bits.ended() || kind == 3) return false;
    if (kind == 0) {
      bits.align();
      const uint32_t size = bits.take(16);
      if ((size ^ bits.take(16)) != 0xffff || size > most - out.size()) return false;
      for (uint32_t i = 0; i < size; ++i) out.push_back(uint8_t(bits.take(8)));
      if (bits.ended()) return false;
    } else if (kind == 1) {
      std::array<uint8_t, 288> fixed{};
      for (size_t i = 0; i < 288; ++i) fixed[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
      std::array<uint8_t, 30> same{};
      same.fill(5);
      if (!inflate_block(bits, Codes(fixed), Codes(same), out, most)) return false;
    } else if (!inflate_dynamic(bits, out, most)) {
      return false;
    }
  }
  return true;
}

struct Header {
  uint32_t width = 0, height = 0;
  uint8_t depth = 0, color = 0;
  size_t samples() const { return color == 2 ? 3 : color == 4 ? 2 : color == 6 ? 4 : 1; }
};

uint8_t predicted(uint8_t filter, int left, int up, int corner) {
  switch (filter) {
    case 1:
      return uint8_t(left);
    case 2:
      return uint8_t(up);
    case 3:
      return uint8_t((left + up) / 2);
    case 4: {
      const int p = left + up - corner, a = std::abs(p - left), b = std::abs(p - up),
                c = std::abs(p - corner);
      return uint8_t(a <= b && a <= c ? left : b <= c ? up : corner);
    }
    default:
      return 0;
  }
}

/// Undoes the filters in place: rows of one filter byte and `row` others.
bool unfilter(std::vector<uint8_t>& raw, size_t rows, size_t row, size_t step) {
  for (size_t y = 0; y < rows; ++y) {
    uint8_t* line = raw.data() + y * (row + 1) + 1;
    const uint8_t* above = y ? line - row - 1 : nullptr;
    if (line[-1] > 4) return false;
    for (size_t i = 0; i < row; ++i)
      line[i] = uint8_t(line[i] + predicted(line[-1], i >= step ? line[i - step] : 0, above ? above[i] : 0,
                                            above && i >= step ? above[i - step] : 0));
  }
  return true;
}

uint8_t sample(const uint8_t* line, size_t i, const Header& h) {
  if (h.depth == 8) return line[i];
  if (h.depth == 16) return line[2 * i];
  const size_t bit = i * h.depth;
  const int value = line[bit / 8] >> (8 - h.depth - bit % 8) & ((1 << h.depth) - 1);
  return uint8_t(h.color == 3 ? value : value * 255 / ((1 << h.depth) - 1));
}

}  // namespace

Result<Picture> decode_png(Bytes file) {
  Header h;
  std::vector<uint8_t> packed;
  Bytes palette;
  bool interlaced = false;
  for (size_t at = 8; at + 12 <= file.size();) {
    const auto number = [&](size_t i) {
      return uint32_t(file[i]) << 24 | uint32_t(file[i + 1]) << 16 | uint32_t(file[i + 2]) << 8 | file[i + 3];
    };
    const size_t size = number(at);
    if (size > file.size() - at - 12) return bad_picture("is cut off");
    const std::string_view kind(reinterpret_cast<const char*>(&file[at + 4]), 4);
    const Bytes body = file.subspan(at + 8, size);
    if (kind == "IHDR" && size == 13) {
      h = {number(at + 8), number(at + 12), body[8], body[9]};
      interlaced = body[12] != 0;
    } else if (kind == "PLTE") {
      palette = body;
    } else if (kind == "IDAT") {
      packed.insert(packed.end(), body.begin(), body.end());
    } else if (kind == "IEND") {
      break;
    }
    at += size + 12;
  }
  const bool depth_fits = h.depth == 8 || (h.depth == 16 && h.color != 3) ||
                          ((h.depth == 1 || h.depth == 2 || h.depth == 4) && (h.color == 0 || h.color == 3));
  if (interlaced || h.color > 6 || h.color == 1 || h.color == 5 || !depth_fits)
    return bad_picture("is an interlaced PNG or of a color type that is not known");
  const bool grey = h.color == 0 || h.color == 4;
  RK_TRY(Picture p, make_picture(h.width, h.height, grey ? 1 : 3));
  const size_t row = (size_t(h.width) * h.samples() * h.depth + 7) / 8,
               step = std::max<size_t>(h.samples() * h.depth / 8, 1);
  std::vector<uint8_t> raw;
  if (!inflate(packed, raw, (row + 1) * h.height) || raw.size() != (row + 1) * h.height ||
      !unfilter(raw, h.height, row, step))
    return bad_picture("has damaged pixels");
  uint8_t* to = p.pixels.data();
  for (size_t y = 0; y < h.height; ++y)
    for (size_t x = 0; x < h.width; ++x) {
      const uint8_t* line = raw.data() + y * (row + 1) + 1;
      if (h.color == 3) {
        const size_t entry = size_t(sample(line, x, h)) * 3;
        if (entry + 3 > palette.size()) return bad_picture("uses a color that its palette has not");
        for (size_t c = 0; c < 3; ++c) *to++ = palette[entry + c];
      } else {
        for (size_t c = 0; c < (grey ? 1u : 3u); ++c) *to++ = sample(line, x * h.samples() + c, h);
      }
    }
  return p;
}

}  // namespace rekindle
