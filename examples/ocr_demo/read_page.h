// The whole reader, given its two networks as functions: find lines, cut each out, read it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ctc_decode.h"
#include "find_text.h"
#include "picture.h"

namespace ocr_demo {

/// What a network returns: values in row-major order.
struct Output {
  std::vector<int64_t> shape;
  std::vector<float> values;
};

/// Runs a network on one picture: [1, 3, height, width] in, its only output out.
using Network = std::function<Output(const Planes&)>;

struct Line {
  TurnedRect rect;  // in pixels of the picture
  Reading reading;
};

/// The detector takes sides that are multiples of 32; a picture is scaled down until its longer side is at
/// most `longest_side`, and each side rounded to such a multiple.
Planes detector_input(const Picture& picture, int longest_side = 960);

/// The recognizer takes strips 48 pixels high; the width follows the strip's shape, in steps of 8, at most
/// 2048.
Planes recognizer_input(const Picture& picture, const TurnedRect& rect);

/// Lines in reading order; those in which nothing was read are left out. Throws std::runtime_error when a
/// network's output has not the shape [1, 1, height, width] (detector) or [1, steps, classes] (recognizer).
std::vector<Line> read_page(const Picture& picture, const Network& detector, const Network& recognizer,
                            const std::vector<std::string>& alphabet);

}  // namespace ocr_demo
