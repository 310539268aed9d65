// The calibration table's text comes back as it was, and errors name their line.
// SPDX-License-Identifier: Apache-2.0
#include "quantize/table.h"

#include <gtest/gtest.h>

namespace rekindle::quantize {
namespace {

TEST(Table, ComesBackExactly) {
  CalibrationTable table;
  table.values["x"] = {{-2.1179039f, 2.64f}, Observer::minmax};
  table.values["a name \"with\" signs"] = {{0, 0.1f}, Observer::entropy};
  const auto back = CalibrationTable::parse(table.to_text(), "t");
  ASSERT_TRUE(back.ok()) << back.status().message();
  EXPECT_EQ(back->values, table.values);
}

TEST(Table, RemovedLinesAndCommentsAreFine) {
  const auto table = CalibrationTable::parse("# rekindle calibration 1\n# mine\n\n0 1 mse \"y\"\r\n", "t");
  ASSERT_TRUE(table.ok()) << table.status().message();
  EXPECT_EQ(table->values.size(), 1u);
}

std::string error_of(const std::string& line) {
  const auto table = CalibrationTable::parse("# rekindle calibration 1\n" + line, "my.table");
  return table.ok() ? "" : table.status().message();
}

TEST(Table, ErrorsNameTheLine) {
  EXPECT_EQ(error_of("0 x mse \"y\""), "my.table, line 2: 'x' is no number");
  EXPECT_EQ(error_of("0 nan mse \"y\""), "my.table, line 2: 'nan' is no number");
  EXPECT_EQ(error_of("1 2 mse \"y\""),
            "my.table, line 2: the range 1 to 2 does not go from at most 0 to at least 0");
  EXPECT_EQ(error_of("0 1 best \"y\""), "my.table, line 2: there is no observer 'best'");
  EXPECT_EQ(error_of("0 1 mse y"),
            "my.table, line 2: expected the value's name in quotes after the observer");
  EXPECT_EQ(error_of("0 1 mse \"y\"\n0 2 mse \"y\""), "my.table, line 3: 'y' stands there twice");
  EXPECT_EQ(CalibrationTable::parse("hello", "f").status().message(),
            "f is no calibration table: it does not begin with '# rekindle calibration 1'");
}

}  // namespace
}  // namespace rekindle::quantize
