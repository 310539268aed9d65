// Lines and letters, pixel by pixel.
// SPDX-License-Identifier: Apache-2.0
#include "draw.h"

#include <algorithm>
#include <cmath>
#include <vector>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_easy_font.h>
#pragma GCC diagnostic pop

namespace ocr_demo {
namespace {

void fill(Picture& picture, int left, int top, int right, int bottom, Colour colour) {
  for (int y = std::max(0, top); y < std::min(picture.height, bottom); ++y) {
    for (int x = std::max(0, left); x < std::min(picture.width, right); ++x) {
      uint8_t* pixel = &picture.rgb[3 * (static_cast<size_t>(y) * picture.width + x)];
      pixel[0] = colour.red, pixel[1] = colour.green, pixel[2] = colour.blue;
    }
  }
}

void draw_line(Picture& picture, Point from, Point to, Colour colour, int thickness) {
  const float length = std::max(std::abs(to.x - from.x), std::abs(to.y - from.y));
  const int steps = static_cast<int>(std::ceil(std::min(length, 1e5f)));
  for (int step = 0; step <= steps; ++step) {
    const float part = steps > 0 ? static_cast<float>(step) / static_cast<float>(steps) : 0;
    const int x = static_cast<int>(std::lround(from.x + part * (to.x - from.x))) - thickness / 2;
    const int y = static_cast<int>(std::lround(from.y + part * (to.y - from.y))) - thickness / 2;
    fill(picture, x, y, x + thickness, y + thickness, colour);
  }
}

}  // namespace

void draw_outline(Picture& picture, const TurnedRect& rect, Colour colour, int thickness) {
  const auto corners = rect.corners();
  for (size_t i = 0; i < 4; ++i) draw_line(picture, corners[i], corners[(i + 1) % 4], colour, thickness);
}

void draw_label(Picture& picture, Point top_left, const std::string& text, Colour colour, int scale) {
  struct Vertex {  // what stb_easy_font writes, four to a rectangle
    float x, y, z;
    uint8_t colour[4];
  };
  std::string ascii;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0) == 0x80) continue;  // the rest of a character that is a '?' already
    ascii += byte >= 32 && byte < 127 ? c : '?';
  }
  std::vector<Vertex> vertices(4 * (size_t{20} * ascii.size() + 20));
  const int bytes = static_cast<int>(vertices.size() * sizeof(Vertex));
  const int quads = stb_easy_font_print(0, 0, ascii.data(), nullptr, vertices.data(), bytes);
  const int left = static_cast<int>(top_left.x), top = static_cast<int>(top_left.y);
  for (int i = 0; i < quads; ++i) {
    const Vertex &a = vertices[4 * static_cast<size_t>(i)], &b = vertices[4 * static_cast<size_t>(i) + 2];
    fill(picture, left + static_cast<int>(a.x) * scale, top + static_cast<int>(a.y) * scale,
         left + static_cast<int>(b.x) * scale, top + static_cast<int>(b.y) * scale, colour);
  }
}

}  // namespace ocr_demo
