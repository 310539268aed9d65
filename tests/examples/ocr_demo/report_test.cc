// The demo's table, of figures made up for it.
// SPDX-License-Identifier: Apache-2.0
#include "ocr_demo/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ocr_demo {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(Median, IsTheMiddle) {
  EXPECT_EQ(median({3}), 3);
  EXPECT_EQ(median({9, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 2, 9}), 3);
}

TEST(FormatReport, HasALineForEachNetwork) {
  const std::string text =
      format_report({{"detector", {1, 3, 640, 960}, 329, 116, 4'800'000, 12'345, 74.96, 1510, 3e-5},
                     {"recognizer", {1, 3, 48, 480}, 383, 81, 10'900'000, 987, 7.004, 1701, 4e-6}});
  EXPECT_THAT(
      text, StartsWith(
                "             ONNX nodes kernels    engine      build  input            latency  reference"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "detector            329     116    4.8 MB   12345 ms  1x3x640x960      75.0 ms    1510 ms    "
          "20.1x   3.0e-05\n"));
  EXPECT_THAT(
      text,
      HasSubstr("recognizer          383      81   10.9 MB     987 ms  1x3x48x480       7.00 ms    1701 ms   "
                "242.9x   4.0e-06\n"));
}

}  // namespace
}  // namespace ocr_demo
