// From the recognizer's probabilities, one row a slice of the picture, to text (greedy CTC).
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

namespace ocr_demo {

struct Reading {
  std::string text;     // UTF-8
  float certainty = 0;  // mean probability of the characters, 0 when there are none
};

/// The classes of a PP-OCR recognizer: the blank, the lines of its `character` metadata, a space.
std::vector<std::string> read_alphabet(const std::string& lines);

/// Takes the likeliest class of each step, merges repeats and drops the blank (class 0). `probabilities` is
/// [steps, classes]; a class outside the alphabet reads as U+FFFD.
Reading ctc_decode(const float* probabilities, int steps, int classes,
                   const std::vector<std::string>& alphabet);

}  // namespace ocr_demo
