// Pictures: image_decode, and the decoders behind it. Everything in a file is checked before it is believed.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "math/op_struct.h"

namespace rekindle {

/// Rows of 8-bit pixels, `channels` values each: 1 (grey) or 3 (red, green, blue).
struct Picture {
  int64_t width = 0, height = 0, channels = 3;
  std::vector<uint8_t> pixels;
};
using Bytes = std::span<const uint8_t>;
inline constexpr int64_t kMostPixels = int64_t(1) << 28;

/// What the format is, the first bytes tell; the error says what is wrong or not supported.
Result<Picture> decode_picture(Bytes file);
Result<Picture> decode_bmp(Bytes file);   // 8, 24 and 32 bits, uncompressed
Result<Picture> decode_pnm(Bytes file);   // P2, P3, P5, P6 of 8 bits
Result<Picture> decode_tiff(Bytes file);  // the first page, 8 bits, uncompressed
Result<Picture> decode_png(Bytes file);   // not interlaced; transparency is dropped
Result<Picture> decode_jpeg(Bytes file);  // sequential, 8 bits, Huffman
/// A picture with room for its pixels; an error for sizes below 1 or beyond kMostPixels.
Result<Picture> make_picture(int64_t width, int64_t height, int64_t channels);
inline Status bad_picture(std::string what) {
  return Status::error(Code::invalid_argument, "the picture " + std::move(what));
}

namespace ops {

enum class PixelFormat : uint8_t { rgb, bgr, grey };
inline constexpr std::array kPixelFormatNames{std::string_view("rgb"), std::string_view("bgr"),
                                              std::string_view("grey")};
constexpr const auto& enum_names(PixelFormat) { return kPixelFormatNames; }

/// (u8[n], the bytes of a file) -> u8[height, width, 3 or 1]
struct ImageDecode {
  PixelFormat format = PixelFormat::rgb;
  static constexpr auto name = "image_decode";
  static constexpr auto kind = OpKind::opaque;
  static constexpr auto fields = rekindle::fields("format", &ImageDecode::format);
  Result<Types> infer(std::span<const TensorType>) const;
  Result<Tensors> evaluate(std::span<const Tensor>) const;
};

}  // namespace ops
}  // namespace rekindle
