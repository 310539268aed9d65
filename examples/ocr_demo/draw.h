// Marks on a picture: outlines and small labels.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>

#include "picture.h"

namespace ocr_demo {

struct Colour {
  uint8_t red = 0, green = 0, blue = 0;
};

/// Draws the four sides of a rectangle, `thickness` pixels wide; what lies outside the picture is left out.
void draw_outline(Picture& picture, const TurnedRect& rect, Colour colour, int thickness = 2);

/// Writes ASCII text with its top left corner at a point, in stb_easy_font's letters of 7 pixels times
/// `scale`. Other characters show as '?'.
void draw_label(Picture& picture, Point top_left, const std::string& text, Colour colour, int scale = 2);

}  // namespace ocr_demo
