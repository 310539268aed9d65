// Reading shapes, profiles and sizes.
// SPDX-License-Identifier: Apache-2.0
#include "cli/shapes.h"

#include <charconv>

namespace rekindle::cli {

namespace {

Status wrong(const std::string& text, const std::string& expected) {
  return Status::error(Code::invalid_argument, "'" + text + "' is not understood, expected " + expected);
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (size_t end = text.find(at); end != std::string::npos; begin = end + 1, end = text.find(at, begin))
    parts.push_back(text.substr(begin, end - begin));
  parts.push_back(text.substr(begin));
  return parts;
}

}  // namespace

Result<std::pair<std::string, std::string>> split_name(const std::string& text, const std::string& what) {
  const size_t at = text.rfind('=');
  if (at == std::string::npos || at == 0 || at + 1 == text.size()) return wrong(text, "NAME=" + what);
  return std::pair(text.substr(0, at), text.substr(at + 1));
}

Result<Dims> parse_dims(const std::string& text) {
  Dims dims;
  if (text == "scalar") return dims;
  for (const std::string& part : split(text, 'x')) {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (part.empty() || error != std::errc() || end != part.data() + part.size() || value < 0)
      return wrong(text, "sizes such as 1x3x224x224");
    dims.push_back(value);
  }
  return dims;
}

Result<InputProfile> parse_profile(const std::string& text) {
  const auto parts = split(text, ':');
  if (parts.size() != 1 && parts.size() != 3) return wrong(text, "MIN:USUAL:MAX shapes, or one shape");
  InputProfile profile;
  RK_TRY(profile.min, parse_dims(parts[0]));
  RK_TRY(profile.opt, parse_dims(parts[parts.size() == 3 ? 1 : 0]));
  RK_TRY(profile.max, parse_dims(parts[parts.size() == 3 ? 2 : 0]));
  return profile;
}

Result<int64_t> parse_bytes(const std::string& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit(end, size_t(text.data() + text.size() - end));
  int shift = -1;
  if (unit.empty() || unit == "B") shift = 0;
  if (unit == "K" || unit == "KiB") shift = 10;
  if (unit == "M" || unit == "MiB") shift = 20;
  if (unit == "G" || unit == "GiB") shift = 30;
  if (error != std::errc() || value < 0 || shift < 0 || value > (INT64_MAX >> shift))
    return wrong(text, "a size such as 512MiB");
  return value << shift;
}

}  // namespace rekindle::cli
