// Greedy decoding of connectionist temporal classification.
// SPDX-License-Identifier: Apache-2.0
#include "ctc_decode.h"

#include <algorithm>

namespace ocr_demo {

std::vector<std::string> read_alphabet(const std::string& lines) {
  std::vector<std::string> alphabet{""};  // the blank
  for (size_t begin = 0; begin <= lines.size();) {
    const size_t end = std::min(lines.find('\n', begin), lines.size());
    if (begin < lines.size() || end > begin) alphabet.push_back(lines.substr(begin, end - begin));
    begin = end + 1;
  }
  alphabet.emplace_back(" ");
  return alphabet;
}

Reading ctc_decode(const float* probabilities, int steps, int classes,
                   const std::vector<std::string>& alphabet) {
  Reading reading;
  int previous = 0, count = 0;
  for (int step = 0; step < steps; ++step) {
    const float* row = probabilities + static_cast<size_t>(step) * classes;
    const int best = static_cast<int>(std::max_element(row, row + classes) - row);
    if (best != 0 && best != previous) {
      reading.text += static_cast<size_t>(best) < alphabet.size() ? alphabet[best] : "\uFFFD";
      reading.certainty += row[best];
      ++count;
    }
    previous = best;
  }
  if (count > 0) reading.certainty /= static_cast<float>(count);
  return reading;
}

}  // namespace ocr_demo
