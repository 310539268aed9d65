// The calibration table: for each value the range of its integers. A text that people may read and edit; a
// value whose line is taken out stays in floating point.
// SPDX-License-Identifier: Apache-2.0
//
//   # rekindle calibration 1
//   # low high observer value
//   -2.1179 2.64 minmax "x"
//   0 5.25 mse "/conv1/Relu_output_0"
#pragma once
#include <map>
#include <string>
#include <string_view>

#include "quantize/observers.h"

namespace rekindle::quantize {

struct TableEntry {
  Interval interval;
  Observer observer = Observer::minmax;  // which made it
  bool operator==(const TableEntry&) const = default;
};

struct CalibrationTable {
  std::map<std::string, TableEntry, std::less<>> values;  // by the name of a value in the model
  /// Numbers are printed so that they come back exactly.
  std::string to_text() const;
  /// Errors name the line. `name` stands in errors.
  static Result<CalibrationTable> parse(std::string_view text, const std::string& name);
};

}  // namespace rekindle::quantize
