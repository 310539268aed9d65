// Notes found in messages written out byte by byte, whole and cut off.
// SPDX-License-Identifier: Apache-2.0
#include "ocr_demo/onnx_metadata.h"

#include <gtest/gtest.h>

namespace ocr_demo {
namespace {

std::string bytes_field(int number, const std::string& bytes) {
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(bytes.size())} + bytes;
}

std::string entry(const std::string& key, const std::string& value) {
  return bytes_field(14, bytes_field(1, key) + bytes_field(2, value));
}

const std::string kModel =
    std::string("\x08\x07", 2) + bytes_field(2, "producer") + entry("a", "1") + entry("character", "x\ny") +
    bytes_field(7, bytes_field(1, "relu") + bytes_field(2, "name") + bytes_field(1, "add"));

TEST(FindMetadata, FindsTheKey) {
  EXPECT_EQ(find_metadata(kModel, "character"), "x\ny");
  EXPECT_EQ(find_metadata(kModel, "a"), "1");
  EXPECT_EQ(find_metadata(kModel, "b"), std::nullopt);
}

TEST(CountNodes, CountsThoseOfTheGraph) {
  EXPECT_EQ(count_nodes(kModel), 2);
  EXPECT_EQ(count_nodes(""), 0);
}

TEST(FindMetadata, AnyCutIsNoCrash) {
  for (size_t size = 0; size < kModel.size(); ++size) {
    find_metadata(kModel.substr(0, size), "character");
    EXPECT_EQ(count_nodes(kModel.substr(0, size)), 0);
  }
  EXPECT_EQ(find_metadata(kModel.substr(0, kModel.size() - 30), "character"), std::nullopt);
}

TEST(FindMetadata, RefusesWhatIsNoMessage) {
  EXPECT_EQ(find_metadata("", "a"), std::nullopt);
  EXPECT_EQ(find_metadata("\x0F\xFF", "a"), std::nullopt);
  EXPECT_EQ(find_metadata(std::string(20, '\xFF'), "a"), std::nullopt);
  EXPECT_EQ(find_metadata("\x72\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F", "a"),
            std::nullopt);  // a length of 2^63
}

}  // namespace
}  // namespace ocr_demo
