// What is escaped before text from files is printed.
// SPDX-License-Identifier: Apache-2.0
#include "base/printable.h"

#include <gtest/gtest.h>

namespace rekindle {
namespace {

TEST(Printable, PlainTextStays) {
  EXPECT_EQ(printable(""), "");
  EXPECT_EQ(printable("/model.0/conv/Conv:0"), "/model.0/conv/Conv:0");
  EXPECT_EQ(printable("größe 幅 😀"), "größe 幅 😀");
}

TEST(Printable, WhatMovesACursorIsEscaped) {
  EXPECT_EQ(printable("a\nb\r\tc\\"), "a\\nb\\r\\tc\\\\");
  EXPECT_EQ(printable("\x1b[31m\x07\x7f"), "\\x1b[31m\\x07\\x7f");
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(printable("\xc2\x9b"), "\\u009b");  // the one-character form of ESC [
  EXPECT_EQ(printable("\xe2\x80\xae"
                      "x\xe2\x81\xa9"),
            "\\u202ex\\u2069");  // right-to-left override, end of isolate
}

TEST(Printable, WhatIsNoUtf8IsEscaped) {
  EXPECT_EQ(printable("\xff"), "\\xff");
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");           // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // half of a surrogate pair
  EXPECT_EQ(printable("\xe2\x82"), "\\xe2\\x82");           // cut
}

TEST(Printable, LongTextIsCut) {
  EXPECT_EQ(printable(std::string(10, 'a'), 10), "aaaaaaaaaa");
  EXPECT_EQ(printable(std::string(11, 'a'), 10), "aaaaaaaaaa…");
  EXPECT_LT(printable(std::string(size_t(1) << 20, '\x01')).size(), 300U);
}

TEST(Printable, LinesStay) { EXPECT_EQ(printable_lines("a\\b\n\tc\x1b\r"), "a\\b\n\tc\\x1b\\r"); }

}  // namespace
}  // namespace rekindle
