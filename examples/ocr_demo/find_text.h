// From the detector's map of probabilities to boxes around lines of text (differentiable binarization).
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "geometry.h"

namespace ocr_demo {

/// The usual settings of the PP-OCR detectors.
struct FindTextOptions {
  float pixel_threshold = 0.3f;  // a pixel belongs to text above it
  float box_threshold = 0.5f;    // a box counts when the mean over its pixels is above it
  float unclip_ratio = 1.6f;     // see expand()
  float least_side = 3;          // pixels; smaller boxes are noise
};

struct TextBox {
  TurnedRect rect;  // in pixels of the map
  float score = 0;  // mean probability inside, before it was expanded
};

/// Boxes in reading order: rows from the top, each from the left. `map` is [height, width], values in [0, 1].
std::vector<TextBox> find_text(const float* map, int width, int height, const FindTextOptions& options = {});

/// Sorts boxes into rows: two share a row when their centres differ by less than half the smaller height.
void sort_for_reading(std::vector<TextBox>& boxes);

}  // namespace ocr_demo
