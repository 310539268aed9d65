// The table's text.
// SPDX-License-Identifier: Apache-2.0
#include "quantize/table.h"

#include <charconv>
#include <cmath>

#include "base/fields.h"
#include "base/json.h"
#include "base/printable.h"

namespace rekindle::quantize {

namespace {

constexpr std::string_view kFirstLine = "# rekindle calibration 1";

std::string number(float x) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, x);
  return {text, end.ptr};
}

std::string_view take_word(std::string_view& line) {
  const size_t begin = std::min(line.find_first_not_of(' '), line.size());
  const size_t end = std::min(line.find(' ', begin), line.size());
  const std::string_view word = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return word;
}

Result<float> take_number(std::string_view& line) {
  const std::string_view word = take_word(line);
  float x = 0;
  const auto parsed = std::from_chars(word.data(), word.data() + word.size(), x);
  if (parsed.ec != std::errc() || parsed.ptr != word.data() + word.size() || !std::isfinite(x))
    return Status::error(Code::invalid_argument, "'" + printable(word) + "' is no number");
  return x;
}

Result<std::pair<std::string, TableEntry>> read_line(std::string_view line) {
  TableEntry entry;
  RK_TRY(entry.interval.low, take_number(line));
  RK_TRY(entry.interval.high, take_number(line));
  if (!(entry.interval.low <= 0 && entry.interval.high >= 0 && entry.interval.low < entry.interval.high))
    return Status::error(Code::invalid_argument, "the range " + number(entry.interval.low) + " to " +
                                                     number(entry.interval.high) +
                                                     " does not go from at most 0 to at least 0");
  const std::string_view word = take_word(line);
  bool known = false;
  for (size_t i = 0; i < kObserverNames.size(); ++i)
    if (kObserverNames[i] == word) entry.observer = Observer(i), known = true;
  if (!known) return Status::error(Code::invalid_argument, "there is no observer '" + printable(word) + "'");
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const auto name = parse_json(line);
  if (!name.ok() || !name->is_string())
    return Status::error(Code::invalid_argument, "expected the value's name in quotes after the observer");
  return std::pair(name->get<std::string>(), entry);
}

}  // namespace

std::string CalibrationTable::to_text() const {
  std::string text = std::string(kFirstLine) + "\n# low high observer value\n";
  for (const auto& [name, entry] : values)
    text += number(entry.interval.low) + " " + number(entry.interval.high) + " " +
            std::string(enum_name(entry.observer)) + " " + json_text(name) + "\n";
  return text;
}

Result<CalibrationTable> CalibrationTable::parse(std::string_view text, const std::string& name) {
  CalibrationTable table;
  if (!text.starts_with(kFirstLine))
    return Status::error(Code::invalid_argument, name + " is no calibration table: it does not begin with '" +
                                                     std::string(kFirstLine) + "'");
  for (int number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with('#')) continue;
    auto entry = read_line(line);
    const std::string where = name + ", line " + std::to_string(number);
    if (!entry.ok()) return Status::error(Code::invalid_argument, where + ": " + entry.status().message());
    if (!table.values.insert(*entry).second)
      return Status::error(Code::invalid_argument,
                           where + ": '" + printable(entry->first) + "' stands there twice");
  }
  return table;
}

}  // namespace rekindle::quantize
