// Pictures in memory: reading and writing files, and cutting the pieces that networks take.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "geometry.h"

namespace ocr_demo {

/// RGB, eight bits a channel, rows from the top; pixel (x, y) begins at 3 * (y * width + x).
struct Picture {
  int width = 0, height = 0;
  std::vector<uint8_t> rgb;
};

/// Reads PNG, JPEG, BMP and what else stb_image knows. Throws std::runtime_error that names the file and the
/// reason.
Picture load_picture(const std::string& path);

/// Writes a PNG file; throws std::runtime_error when it cannot.
void save_png(const Picture& picture, const std::string& path);

/// What a network takes: planes in the order blue, green, red (as the PP-OCR models were trained), each value
/// (x / 255 - mean) / deviation.
struct Planes {
  int width = 0, height = 0;
  std::vector<float> values;  // [3, height, width]
};

/// Mean and deviation of each plane in the order blue, green, red.
struct Normalization {
  float mean[3];
  float deviation[3];
};

/// The part of a picture under a rectangle at any angle, turned upright and scaled to width x height. A pixel
/// is interpolated bilinearly; where the strip is smaller than the source, over a grid of samples, so that
/// thin strokes stay. What lies outside the picture repeats its border.
Planes cut_planes(const Picture& picture, const TurnedRect& from, int width, int height,
                  const Normalization& scale);

}  // namespace ocr_demo
