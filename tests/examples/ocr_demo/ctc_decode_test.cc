// Greedy CTC on rows written out by hand.
// SPDX-License-Identifier: Apache-2.0
#include "ocr_demo/ctc_decode.h"

#include <gtest/gtest.h>

namespace ocr_demo {
namespace {

/// Decodes a path of classes, each with probability 0.8 in its row.
Reading decode(const std::vector<int>& path, const std::vector<std::string>& alphabet, int classes = 4) {
  std::vector<float> rows;
  for (int best : path) {
    for (int c = 0; c < classes; ++c) rows.push_back(c == best ? 0.8f : 0.05f);
  }
  return ctc_decode(rows.data(), static_cast<int>(path.size()), classes, alphabet);
}

const std::vector<std::string> kAlphabet = {"", "a", "b", " "};

TEST(CtcDecode, MergesRepeatsAndDropsBlanks) {
  EXPECT_EQ(decode({1, 1, 0, 1, 2, 2, 3, 2}, kAlphabet).text, "aab b");
  EXPECT_EQ(decode({0, 0, 0}, kAlphabet).text, "");
  EXPECT_EQ(decode({}, kAlphabet).text, "");
}

TEST(CtcDecode, CertaintyIsTheMeanOverCharacters) {
  EXPECT_FLOAT_EQ(decode({1, 1, 0, 2}, kAlphabet).certainty, 0.8f);
  EXPECT_EQ(decode({0, 0}, kAlphabet).certainty, 0);
}

TEST(CtcDecode, ClassOutsideTheAlphabet) { EXPECT_EQ(decode({1, 4}, kAlphabet, 5).text, "a\uFFFD"); }

TEST(ReadAlphabet, BlankThenLinesThenSpace) {
  EXPECT_EQ(read_alphabet("a\nб\n"), (std::vector<std::string>{"", "a", "б", " "}));
  EXPECT_EQ(read_alphabet("a\nb"), (std::vector<std::string>{"", "a", "b", " "}));
  EXPECT_EQ(read_alphabet(""), (std::vector<std::string>{"", " "}));
}

}  // namespace
}  // namespace ocr_demo
