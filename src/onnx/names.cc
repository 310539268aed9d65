// Escaping of names for messages and origins.
// SPDX-License-Identifier: Apache-2.0
#include "onnx/names.h"

namespace rekindle::onnx {
namespace {

/// Length of the well-formed UTF-8 sequence at the start of `text`, 0 if there is none.
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? uint8_t(text[i]) : uint8_t(0); };
  const auto continues = [&](size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!continues(1) || !continues(2)) return 0;
    if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F)) return 0;
    return 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if ((first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F)) return 0;
    return 4;
  }
  return 0;
}

}  // namespace

std::string quote_name(std::string_view name) {
  constexpr size_t kMost = 120;
  constexpr char kHex[] = "0123456789abcdef";
  std::string text = "'";
  while (!name.empty()) {
    if (text.size() > kMost) {
      text += "…";
      break;
    }
    const auto c = uint8_t(name[0]);
    const size_t length = utf8_length(name);
    if (c == '\n')
      text += "\\n";
    else if (c == '\r')
      text += "\\r";
    else if (c == '\t')
      text += "\\t";
    else if (c == '\'' || c == '\\')
      text += '\\', text += char(c);
    else if (length == 0 || c < 0x20 || c == 0x7F)
      text += "\\x", text += kHex[c >> 4], text += kHex[c & 15];
    else
      text += name.substr(0, length);
    name.remove_prefix(length == 0 ? 1 : length);
  }
  return text + "'";
}

}  // namespace rekindle::onnx
