// Picture files through stb, and resampling.
// SPDX-License-Identifier: Apache-2.0
#include "picture.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_NO_GIF
#define STBI_NO_HDR
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include <stb/stb_image.h>
#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

namespace ocr_demo {
namespace {

constexpr int kMostPixels = 1 << 26;  // 64 megapixels: a larger picture is a mistake, not a page

/// A colour channel at any point, interpolated between the four pixels around it.
float sample(const Picture& picture, Point at, int channel) {
  const float x = std::clamp(at.x - 0.5f, 0.0f, static_cast<float>(picture.width - 1));
  const float y = std::clamp(at.y - 0.5f, 0.0f, static_cast<float>(picture.height - 1));
  const int left = static_cast<int>(x), top = static_cast<int>(y);
  const int right = std::min(left + 1, picture.width - 1), bottom = std::min(top + 1, picture.height - 1);
  const auto pixel = [&](int px, int py) {
    return static_cast<float>(picture.rgb[3 * (static_cast<size_t>(py) * picture.width + px) + channel]);
  };
  const float fx = x - static_cast<float>(left), fy = y - static_cast<float>(top);
  return (pixel(left, top) * (1 - fx) + pixel(right, top) * fx) * (1 - fy) +
         (pixel(left, bottom) * (1 - fx) + pixel(right, bottom) * fx) * fy;
}

/// Samples along one side of an output pixel that covers `pixels` of the source.
int samples_a_pixel(float pixels) {
  return std::clamp(static_cast<int>(std::lround(std::min(pixels, 8.0f))), 1, 8);
}

}  // namespace

Picture load_picture(const std::string& path) {
  Picture picture;
  int channels = 0;
  if (!stbi_info(path.c_str(), &picture.width, &picture.height, &channels))
    throw std::runtime_error(path + ": " + stbi_failure_reason());
  if (picture.width < 1 || picture.height < 1 || picture.width > kMostPixels / picture.height)
    throw std::runtime_error(path + ": more than " + std::to_string(kMostPixels) + " pixels");
  uint8_t* pixels = stbi_load(path.c_str(), &picture.width, &picture.height, &channels, 3);
  if (!pixels) throw std::runtime_error(path + ": " + stbi_failure_reason());
  picture.rgb.assign(pixels, pixels + size_t{3} * picture.width * picture.height);
  stbi_image_free(pixels);
  return picture;
}

void save_png(const Picture& picture, const std::string& path) {
  if (!stbi_write_png(path.c_str(), picture.width, picture.height, 3, picture.rgb.data(), 3 * picture.width))
    throw std::runtime_error(path + ": cannot be written");
}

Planes cut_planes(const Picture& picture, const TurnedRect& from, int width, int height,
                  const Normalization& scale) {
  Planes planes{width, height, std::vector<float>(size_t{3} * width * height)};
  const Point origin = from.corners()[0];
  const Point right{from.along.x * from.width / static_cast<float>(width),
                    from.along.y * from.width / static_cast<float>(width)};
  const Point down{-from.along.y * from.height / static_cast<float>(height),
                   from.along.x * from.height / static_cast<float>(height)};
  const int across = samples_a_pixel(from.width / static_cast<float>(width));
  const int deep = samples_a_pixel(from.height / static_cast<float>(height));
  for (int plane = 0; plane < 3; ++plane) {
    float* out = planes.values.data() + size_t{1} * plane * width * height;
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        float sum = 0;
        for (int grid = 0; grid < across * deep; ++grid) {
          const float u =
              static_cast<float>(x) + (static_cast<float>(grid % across) + 0.5f) / static_cast<float>(across);
          const float v =
              static_cast<float>(y) + (static_cast<float>(grid / across) + 0.5f) / static_cast<float>(deep);
          sum += sample(picture, {origin.x + u * right.x + v * down.x, origin.y + u * right.y + v * down.y},
                        2 - plane);
        }
        const float value = sum / static_cast<float>(across * deep) / 255;
        out[y * width + x] = (value - scale.mean[plane]) / scale.deviation[plane];
      }
    }
  }
  return planes;
}

}  // namespace ocr_demo
