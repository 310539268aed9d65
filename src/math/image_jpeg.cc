// JPEG: sequential DCT with Huffman codes (ITU-T T.81), with the integer transform, the chroma interpolation
// and the color conversion that the Independent JPEG Group's library has made the usual ones, so that pixels
// agree.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "math/image.h"

namespace rekindle {

namespace {

constexpr std::array<uint8_t, 64> kZigzag{0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,
                                          12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,
                                          35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
                                          58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

struct Huffman {
  std::array<uint8_t, 17> counts{};
  std::vector<uint8_t> symbols;
};

/// The entropy-coded bits; a marker ends them, and what is read beyond is 0.
class Scan {
 public:
  Scan(Bytes data, size_t at) : data_(data), at_(at) {}
  int bit() {
    if (left_ == 0) {
      current_ = 0;
      if (at_ < data_.size() && !(data_[at_] == 0xff && (at_ + 1 >= data_.size() || data_[at_ + 1] != 0))) {
        current_ = data_[at_];
        at_ += data_[at_] == 0xff ? 2 : 1;
      } else {
        ++missing_;
      }
      left_ = 8;
    }
    return current_ >> --left_ & 1;
  }
  int bits(int count) {
    int value = 0;
    for (int i = 0; i < count; ++i) value = value * 2 + bit();
    return value;
  }
  /// A number of `count` bits whose first bit tells its sign.
  int signed_bits(int count) {
    if (count == 0) return 0;
    const int value = bits(count);
    return value < 1 << (count - 1) ? value - (1 << count) + 1 : value;
  }
  int symbol(const Huffman& h) {
    int code = 0, first = 0, index = 0;
    for (size_t l = 1; l <= 16; ++l) {
      code = code * 2 + bit();
      const int count = h.counts[l];
      if (code - first < count) return h.symbols[size_t(index + code - first)];
      index += count;
      first = (first + count) * 2;
    }
    return -1;
  }
  /// Goes on after the restart marker; false when there is none.
  bool restart() {
    left_ = 0;
    while (at_ + 1 < data_.size() &&
           !(data_[at_] == 0xff && data_[at_ + 1] >= 0xd0 && data_[at_ + 1] <= 0xd7))
      ++at_;
    at_ += 2;
    return at_ <= data_.size();
  }
  bool ran_out() const { return missing_ > 64; }

 private:
  Bytes data_;
  size_t at_;
  int left_ = 0, current_ = 0, missing_ = 0;
};

struct Component {
  int id = 0, h = 1, v = 1, table = 0, dc = 0, ac = 0, last = 0;
  int64_t width = 0, height = 0;  // of its own samples, whole blocks
  int64_t shown_width = 0, shown_height = 0;
  std::vector<uint8_t> samples;
};

uint8_t clamped(int v) { return uint8_t(std::clamp(v, 0, 255)); }

// The rotations of the scaled integer transform, in 13-bit fixed point.
constexpr int kBits = 13, kPass = 2;
constexpr int32_t fixed(double x) { return int32_t(x * (1 << kBits) + 0.5); }
constexpr int32_t down(int32_t x, int n) { return (x + (1 << (n - 1))) >> n; }

/// One line of eight: even and odd parts meet at the end. `shift` is what the pass leaves behind.
void transform_line(const std::array<int32_t, 8>& in, std::array<int32_t, 8>& out, int shift) {
  int32_t z1 = (in[2] + in[6]) * fixed(0.541196100);
  const int32_t even2 = z1 - in[6] * fixed(1.847759065), even3 = z1 + in[2] * fixed(0.765366865);
  const int32_t even0 = (in[0] + in[4]) * (1 << kBits), even1 = (in[0] - in[4]) * (1 << kBits);
  const std::array<int32_t, 4> even{even0 + even3, even1 + even2, even1 - even2, even0 - even3};
  int32_t a = in[7], b = in[5], c = in[3], d = in[1];
  z1 = a + d;
  int32_t z2 = b + c, z3 = a + c, z4 = b + d;
  const int32_t z5 = (z3 + z4) * fixed(1.175875602);
  a *= fixed(0.298631336), b *= fixed(2.053119869), c *= fixed(3.072711026), d *= fixed(1.501321110);
  z1 *= -fixed(0.899976223), z2 *= -fixed(2.562915447);
  z3 = z3 * -fixed(1.961570560) + z5, z4 = z4 * -fixed(0.390180644) + z5;
  a += z1 + z3, b += z2 + z4, c += z2 + z3, d += z1 + z4;
  const std::array<int32_t, 4> odd{d, c, b, a};
  for (size_t i = 0; i < 4; ++i) {
    out[i] = down(even[i] + odd[i], shift);
    out[7 - i] = down(even[i] - odd[i], shift);
  }
}

void inverse_transform(const std::array<int32_t, 64>& block, uint8_t* to, int64_t stride) {
  std::array<int32_t, 64> work{};
  std::array<int32_t, 8> in{}, out{};
  for (size_t x = 0; x < 8; ++x) {
    for (size_t y = 0; y < 8; ++y) in[y] = block[y * 8 + x];
    transform_line(in, out, kBits - kPass);
    for (size_t y = 0; y < 8; ++y) work[y * 8 + x] = out[y];
  }
  for (size_t y = 0; y < 8; ++y) {
    std::copy_n(work.begin() + ptrdiff_t(y * 8), 8, in.begin());
    transform_line(in, out, kBits + kPass + 3);
    for (size_t x = 0; x < 8; ++x) to[int64_t(y) * stride + int64_t(x)] = clamped(out[x] + 128);
  }
}

/// Twice as wide: each new sample is 3/4 of the near and 1/4 of the far one; `sum` is in units of 1/scale.
void widen_row(const std::vector<int>& row, int scale, uint8_t* to) {
  const size_t n = row.size();
  const int low = scale == 4 ? 8 : 1, high = scale == 4 ? 7 : 2;  // rounds up and down in turn
  const int shift = scale == 4 ? 4 : 2;
  for (size_t i = 0; i < n; ++i) {
    const int here = row[i], left = row[i ? i - 1 : 0], right = row[i + 1 < n ? i + 1 : n - 1];
    const bool first = i == 0, last = i + 1 == n;
    to[2 * i] = first && scale == 1 ? uint8_t(here) : uint8_t((here * 3 + left + low) >> shift);
    to[2 * i + 1] = last && scale == 1 ? uint8_t(here) : uint8_t((here * 3 + right + high) >> shift);
  }
}

/// A component at the size of the picture.
std::vector<uint8_t> full_size(const Component& c, int64_t width, int64_t height, int across, int down_by) {
  std::vector<uint8_t> out(size_t(width * height));
  std::vector<uint8_t> line(size_t(2 * c.shown_width + 2));
  std::vector<int> row(static_cast<size_t>(c.shown_width));
  for (int64_t y = 0; y < height; ++y) {
    const int64_t at = std::min(y / down_by, c.shown_height - 1);
    const uint8_t* near = c.samples.data() + at * c.width;
    uint8_t* to = out.data() + y * width;
    if (across == 2 && down_by <= 2 && c.shown_width > 2) {
      const int64_t beside = std::clamp<int64_t>(at + (y % 2 ? 1 : -1), 0, c.shown_height - 1);
      const uint8_t* far = c.samples.data() + beside * c.width;
      for (size_t x = 0; x < row.size(); ++x) row[x] = down_by == 2 ? near[x] * 3 + far[x] : near[x];
      widen_row(row, down_by == 2 ? 4 : 1, line.data());
      std::copy_n(line.begin(), width, to);
    } else {
      for (int64_t x = 0; x < width; ++x) to[x] = near[std::min(x / across, c.shown_width - 1)];
    }
  }
  return out;
}

class Jpeg {
 public:
  explicit Jpeg(Bytes file) : file_(file) {}
  Result<Picture> run() {
    for (size_t at = 2; at + 4 <= file_.size();) {
      if (file_[at] != 0xff) return bad_picture("has no marker at byte " + std::to_string(at));
      const uint8_t marker = file_[at + 1];
      if (marker == 0xff) {
        ++at;
        continue;
      }
      const size_t size = size_t(file_[at + 2]) << 8 | file_[at + 3];
      if (size < 2 || size > file_.size() - at - 2) return bad_picture("is cut off");
      const Bytes body = file_.subspan(at + 4, size - 2);
      at += 2 + size;
      if (marker == 0xda) {
        RK_CHECK(scan(body, at));
        return picture();
      }
      RK_CHECK(segment(marker, body));
    }
    return bad_picture("has no pixels");
  }

 private:
  Status segment(uint8_t marker, Bytes body) {
    if (marker == 0xdb) return quantization(body);
    if (marker == 0xc4) return huffman(body);
    if (marker == 0xc0 || marker == 0xc1) return frame(body);
    if (marker >= 0xc2 && marker <= 0xcf && marker != 0xc8 && marker != 0xcc)
      return Status::error(
          Code::unsupported,
          "the picture is a progressive, lossless or arithmetic JPEG, expected a sequential one");
    if (marker == 0xdd && body.size() >= 2) restart_ = body[0] << 8 | body[1];
    if (marker == 0xee && body.size() >= 12) transform_ = body[11];  // Adobe's
    return {};
  }
  Status quantization(Bytes body) {
    while (!body.empty()) {
      const size_t wide = body[0] >> 4 ? 2 : 1, table = body[0] & 3;
      if (body.size() < 1 + 64 * wide) return bad_picture("has a cut quantization table");
      for (size_t i = 0; i < 64; ++i)
        tables_[table][kZigzag[i]] = wide == 2 ? body[1 + 2 * i] << 8 | body[2 + 2 * i] : body[1 + i];
      body = body.subspan(1 + 64 * wide);
    }
    return {};
  }
  Status huffman(Bytes body) {
    while (body.size() >= 17) {
      Huffman& h = codes_[body[0] >> 4 & 1][body[0] & 3];
      size_t total = 0;
      for (size_t l = 1; l <= 16; ++l) total += h.counts[l] = body[l];
      if (total > 256 || body.size() < 17 + total) return bad_picture("has a cut Huffman table");
      h.symbols.assign(body.begin() + 17, body.begin() + ptrdiff_t(17 + total));
      body = body.subspan(17 + total);
    }
    return {};
  }
  Status frame(Bytes body) {
    if (body.size() < 6 || body[0] != 8) return bad_picture("has samples of another width than 8 bits");
    height_ = body[1] << 8 | body[2], width_ = body[3] << 8 | body[4];
    const size_t count = body[5];
    if ((count != 1 && count != 3) || body.size() < 6 + 3 * count || !parts_.empty())
      return bad_picture("has " + std::to_string(count) + " components, expected 1 or 3");
    RK_CHECK(make_picture(width_, height_, 1).status());
    for (size_t i = 0; i < count; ++i) {
      Component c;
      c.id = body[6 + 3 * i], c.h = body[7 + 3 * i] >> 4, c.v = body[7 + 3 * i] & 15,
      c.table = body[8 + 3 * i] & 3;
      if (c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4) return bad_picture("has bad sampling factors");
      most_h_ = std::max(most_h_, c.h), most_v_ = std::max(most_v_, c.v);
      parts_.push_back(c);
    }
    if (count == 1) parts_[0].h = parts_[0].v = most_h_ = most_v_ = 1;
    for (Component& c : parts_) {
      if (most_h_ % c.h || most_v_ % c.v) return bad_picture("has sampling factors that do not divide");
      c.width = units_across() * c.h * 8, c.height = units_down() * c.v * 8;
      c.shown_width = (width_ * c.h + most_h_ - 1) / most_h_,
      c.shown_height = (height_ * c.v + most_v_ - 1) / most_v_;
      c.samples.resize(size_t(c.width * c.height));
    }
    return {};
  }
  int64_t units_across() const { return (width_ + 8 * most_h_ - 1) / (8 * most_h_); }
  int64_t units_down() const { return (height_ + 8 * most_v_ - 1) / (8 * most_v_); }

  Status scan(Bytes body, size_t at) {
    if (parts_.empty() || body.empty() || body[0] != parts_.size() || body.size() < 1 + 2 * parts_.size())
      return Status::error(Code::unsupported, "the picture is a JPEG of several scans, expected one");
    for (size_t i = 0; i < parts_.size(); ++i) {
      if (parts_[i].id != body[1 + 2 * i])
        return bad_picture("has a scan of other components than its frame");
      parts_[i].dc = body[2 + 2 * i] >> 4 & 3, parts_[i].ac = body[2 + 2 * i] & 3;
    }
    Scan bits(file_, at);
    const int64_t units = units_across() * units_down();
    for (int64_t u = 0; u < units; ++u) {
      if (restart_ > 0 && u > 0 && u % restart_ == 0) {
        if (!bits.restart()) return bad_picture("is cut off");
        for (Component& c : parts_) c.last = 0;
      }
      for (Component& c : parts_)
        for (int v = 0; v < c.v; ++v)
          for (int h = 0; h < c.h; ++h) {
            const int64_t x = (u % units_across() * c.h + h) * 8, y = (u / units_across() * c.v + v) * 8;
            if (!block(bits, c, c.samples.data() + y * c.width + x))
              return bad_picture("has a damaged block");
          }
      if (bits.ran_out()) return bad_picture("is cut off");
    }
    return {};
  }
  bool block(Scan& bits, Component& c, uint8_t* to) {
    std::array<int32_t, 64> values{};
    const auto& table = tables_[size_t(c.table)];
    const int size = bits.symbol(codes_[0][size_t(c.dc)]);
    if (size < 0 || size > 15) return false;
    c.last = std::clamp(c.last + bits.signed_bits(size), -(1 << 15), 1 << 15);
    values[0] = int32_t(std::clamp<int64_t>(int64_t(c.last) * table[0], -(1 << 17), 1 << 17));
    for (size_t i = 1; i < 64; ++i) {
      const int symbol = bits.symbol(codes_[1][size_t(c.ac)]);
      if (symbol < 0) return false;
      const int run = symbol >> 4, length = symbol & 15;
      if (length == 0 && run != 15) break;
      i += size_t(run);
      if (i > 63) return false;
      if (length)
        values[kZigzag[i]] = int32_t(
            std::clamp<int64_t>(int64_t(bits.signed_bits(length)) * table[kZigzag[i]], -(1 << 15), 1 << 15));
    }
    inverse_transform(values, to, c.width);
    return true;
  }

  Result<Picture> picture() const {
    RK_TRY(Picture p, make_picture(width_, height_, int64_t(parts_.size())));
    std::vector<std::vector<uint8_t>> planes;
    for (const Component& c : parts_)
      planes.push_back(full_size(c, width_, height_, most_h_ / c.h, most_v_ / c.v));
    const auto pixels = size_t(width_ * height_);
    if (planes.size() == 1) {
      p.pixels = std::move(planes[0]);
      return p;
    }
    constexpr auto fixed16 = [](double x) { return int32_t(x * 65536 + 0.5); };
    for (size_t i = 0; i < pixels; ++i) {
      const int y = planes[0][i], b = planes[1][i] - 128, r = planes[2][i] - 128;
      uint8_t* to = &p.pixels[3 * i];
      if (transform_ == 0) {  // red, green and blue already
        for (size_t k = 0; k < 3; ++k) to[k] = planes[k][i];
        continue;
      }
      to[0] = clamped(y + ((fixed16(1.40200) * r + 32768) >> 16));
      to[1] = clamped(y + ((-fixed16(0.34414) * b - fixed16(0.71414) * r + 32768) >> 16));
      to[2] = clamped(y + ((fixed16(1.77200) * b + 32768) >> 16));
    }
    return p;
  }

  Bytes file_;
  std::array<std::array<int, 64>, 4> tables_{};
  std::array<std::array<Huffman, 4>, 2> codes_;
  std::vector<Component> parts_;
  int64_t width_ = 0, height_ = 0;
  int most_h_ = 1, most_v_ = 1, restart_ = 0, transform_ = 1;
};

}  // namespace

Result<Picture> decode_jpeg(Bytes file) { return Jpeg(file).run(); }

}  // namespace rekindle
