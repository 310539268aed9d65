// image_decode, and the formats that hold their pixels as they are: BMP, PNM, TIFF.
// SPDX-License-Identifier: Apache-2.0
#include "math/image.h"

#include <cctype>
#include <cstring>
#include <map>

#include "math/op_checks.h"

namespace rekindle {

namespace {

/// Numbers at offsets of a file; those outside are 0 and remembered.
class Fields {
 public:
  Fields(Bytes file, bool big_endian) : file_(file), big_(big_endian) {}
  uint32_t number(size_t at, size_t bytes) {
    if (at > file_.size() || bytes > file_.size() - at) return outside_ = true, 0;
    uint32_t value = 0;
    for (size_t i = 0; i < bytes; ++i) value |= uint32_t(file_[at + i]) << 8 * (big_ ? bytes - 1 - i : i);
    return value;
  }
  bool outside() const { return outside_; }

 private:
  Bytes file_;
  bool big_, outside_ = false;
};

Status cut_off() { return bad_picture("is cut off"); }

/// One value of a TIFF directory entry; lists of more lie elsewhere in the file.
struct TiffEntry {
  uint32_t type = 0, count = 0;
  size_t at = 0;
};
uint32_t tiff_value(Fields& fields, const TiffEntry& e, uint32_t i) {
  const size_t bytes = e.type == 3 ? 2 : e.type == 1 ? 1 : 4;
  const size_t start = size_t(e.count) * bytes > 4 ? fields.number(e.at, 4) : e.at;
  return fields.number(start + size_t(i) * bytes, bytes);
}

}  // namespace

Result<Picture> make_picture(int64_t width, int64_t height, int64_t channels) {
  if (width < 1 || height < 1 || width > kMostPixels || height > kMostPixels || width * height > kMostPixels)
    return bad_picture("is " + std::to_string(width) + " by " + std::to_string(height) +
                       ", expected 1 by 1 to 2^28 pixels");
  return Picture{width, height, channels, std::vector<uint8_t>(size_t(width * height * channels))};
}

Result<Picture> decode_bmp(Bytes file) {
  Fields f(file, false);
  const uint32_t start = f.number(10, 4), header = f.number(14, 4), bits = f.number(28, 2);
  const auto width = int32_t(f.number(18, 4)), height = int32_t(f.number(22, 4));
  if (header < 40 || (bits != 8 && bits != 24 && bits != 32) || (f.number(30, 4) != 0 && bits != 32))
    return bad_picture("is a BMP of " + std::to_string(bits) +
                       " bits or compressed, expected 8, 24 or 32 as they are");
  const int64_t rows = std::abs(int64_t(height)), row = (int64_t(width) * bits + 31) / 32 * 4;
  if (f.outside() || width < 1 || rows < 1 || start > file.size() || row > int64_t(file.size()) ||
      rows > int64_t(file.size() - start) / row)
    return cut_off();
  RK_TRY(Picture p, make_picture(width, rows, 3));
  for (int64_t y = 0; y < rows; ++y) {
    const size_t from = start + size_t((height > 0 ? rows - 1 - y : y) * row);
    for (int64_t x = 0; x < width; ++x)
      for (size_t c = 0; c < 3; ++c) {
        const size_t pixel = from + size_t(x) * (bits / 8);
        p.pixels[size_t(y * width + x) * 3 + c] =
            bits == 8 ? uint8_t(f.number(14 + header + file[pixel] * 4u + 2 - c, 1)) : file[pixel + 2 - c];
      }
  }
  if (f.outside()) return cut_off();
  return p;
}

Result<Picture> decode_pnm(Bytes file) {
  const char kind = char(file[1]);
  size_t at = 2;
  const auto number = [&]() -> int64_t {
    while (at < file.size() && (std::isspace(file[at]) || file[at] == '#'))
      if (file[at] == '#')
        while (at < file.size() && file[at] != '\n') ++at;
      else
        ++at;
    int64_t value = 0, digits = 0;
    for (; at < file.size() && std::isdigit(file[at]) && digits < 9; ++at, ++digits)
      value = value * 10 + (file[at] - '0');
    return digits ? value : -1;
  };
  const int64_t width = number(), height = number(), most = number();
  if (most != 255)
    return bad_picture("is a PNM with values up to " + std::to_string(most) + ", expected 255");
  RK_TRY(Picture p, make_picture(width, height, kind == '3' || kind == '6' ? 3 : 1));
  if (kind == '5' || kind == '6') {
    ++at;  // one blank
    if (at > file.size() || p.pixels.size() > file.size() - at) return cut_off();
    std::memcpy(p.pixels.data(), file.data() + at, p.pixels.size());
    return p;
  }
  for (uint8_t& value : p.pixels) {
    const int64_t v = number();
    if (v < 0 || v > 255) return cut_off();
    value = uint8_t(v);
  }
  return p;
}

namespace {

/// The first page of a TIFF: entries by their tag.
struct TiffPage {
  std::map<uint32_t, TiffEntry> entries;
  uint32_t value(Fields& fields, uint32_t tag, uint32_t otherwise) const {
    const auto found = entries.find(tag);
    return found == entries.end() ? otherwise : tiff_value(fields, found->second, 0);
  }
};
enum TiffTag : uint32_t {
  kTiffWidth = 256,
  kTiffHeight = 257,
  kTiffBits = 258,
  kTiffCompression = 259,
  kTiffLight = 262,  // 0: white is zero, 1: black is zero, 2: RGB
  kTiffOffsets = 273,
  kTiffSamples = 277,
  kTiffRows = 278,  // of a strip
  kTiffPlanar = 284,
};

}  // namespace

Result<Picture> decode_tiff(Bytes file) {
  Fields f(file, file[0] == 'M');
  const size_t directory = f.number(4, 4);
  const uint32_t count = f.number(directory, 2);
  TiffPage page;
  for (uint32_t i = 0; i < count && !f.outside(); ++i) {
    const size_t at = directory + 2 + size_t(i) * 12;
    page.entries[f.number(at, 2)] = {f.number(at + 2, 2), f.number(at + 4, 4), at + 8};
  }
  const auto value = [&](TiffTag tag, uint32_t otherwise) { return page.value(f, tag, otherwise); };
  const uint32_t samples = value(kTiffSamples, 1), light = value(kTiffLight, 1);
  if (f.outside() || !page.entries.contains(kTiffOffsets)) return cut_off();
  if (value(kTiffCompression, 1) != 1 || value(kTiffBits, 1) != 8 || value(kTiffPlanar, 1) != 1 ||
      light > 2 || samples < 1 || samples > 8 || (light == 2 && samples < 3))
    return bad_picture("is a TIFF of another kind than 8 bits, uncompressed, grey or RGB");
  const int64_t channels = light == 2 ? 3 : 1;
  RK_TRY(Picture p, make_picture(value(kTiffWidth, 0), value(kTiffHeight, 0), channels));
  const TiffEntry offsets = page.entries.at(kTiffOffsets);
  const int64_t each = std::max<int64_t>(value(kTiffRows, uint32_t(p.height)), 1),
                row = p.width * int64_t(samples);
  for (int64_t y = 0; y < p.height; ++y) {
    const int64_t strip = y / each;
    if (strip >= int64_t(offsets.count)) return cut_off();
    const size_t from = size_t(tiff_value(f, offsets, uint32_t(strip))) + size_t(y % each * row);
    if (f.outside() || from > file.size() || size_t(row) > file.size() - from) return cut_off();
    for (int64_t x = 0; x < p.width; ++x)
      for (int64_t c = 0; c < channels; ++c) {
        const uint8_t v = file[from + size_t(x * int64_t(samples) + c)];
        p.pixels[size_t((y * p.width + x) * channels + c)] = light == 0 ? uint8_t(255 - v) : v;
      }
  }
  return p;
}

Result<Picture> decode_picture(Bytes file) {
  const auto begins = [&](std::string_view magic) {
    return file.size() >= magic.size() && std::memcmp(file.data(), magic.data(), magic.size()) == 0;
  };
  if (file.size() < 8) return cut_off();
  if (begins("BM")) return decode_bmp(file);
  if (begins("P2") || begins("P3") || begins("P5") || begins("P6")) return decode_pnm(file);
  if (begins(std::string_view("II*\0", 4)) || begins(std::string_view("MM\0*", 4))) return decode_tiff(file);
  if (begins("\x89PNG\r\n\x1a\n")) return decode_png(file);
  if (begins("\xff\xd8\xff")) return decode_jpeg(file);
  return Status::error(Code::unsupported,
                       "the picture is of no known format, expected BMP, JPEG, PNG, PNM or TIFF");
}

namespace ops {

Result<Types> ImageDecode::infer(std::span<const TensorType> in) const {
  RK_CHECK(check_arity(name, in.size(), 1, 1));
  RK_CHECK(check_present(name, in, 1));
  if (in[0].dtype != DType::u8 || in[0].rank() != 1)
    return op_error(name, "the input is " + in[0].to_string() + ", expected the bytes of a file (u8[n])");
  return Types{{DType::u8, {Dim::unknown(), Dim::unknown(), format == PixelFormat::grey ? 1 : 3}}};
}

Result<Tensors> ImageDecode::evaluate(std::span<const Tensor> in) const {
  auto picture = decode_picture({in[0].data<uint8_t>(), size_t(in[0].count())});
  if (!picture.ok())
    return Status::error(picture.status().code(), "image_decode: " + picture.status().message());
  const int64_t pixels = picture->width * picture->height, made = format == PixelFormat::grey ? 1 : 3;
  RK_TRY(Tensor out, make_tensor(name, DType::u8, {picture->height, picture->width, made}));
  auto* to = out.data<uint8_t>();
  for (int64_t i = 0; i < pixels; ++i) {
    const uint8_t* p = picture->pixels.data() + i * picture->channels;
    const uint8_t r = p[0], g = picture->channels == 3 ? p[1] : r, b = picture->channels == 3 ? p[2] : r;
    if (made == 1) {  // ITU-R 601, in 16-bit fixed point
      to[i] = uint8_t((r * 19595u + g * 38470u + b * 7471u + 0x8000u) >> 16);
    } else {
      to[3 * i] = format == PixelFormat::rgb ? r : b;
      to[3 * i + 1] = g;
      to[3 * i + 2] = format == PixelFormat::rgb ? b : r;
    }
  }
  return Tensors{std::move(out)};
}

}  // namespace ops
}  // namespace rekindle
