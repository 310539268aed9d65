// Escaping, one UTF-8 sequence at a time.
// SPDX-License-Identifier: Apache-2.0
#include "base/printable.h"

#include <cstdint>
#include <cstdio>

namespace rekindle {

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

/// The code point of a sequence of two or three bytes; longer ones hold nothing that is escaped.
uint32_t code_point(std::string_view sequence) {
  const auto low = [&](size_t i) { return uint32_t(uint8_t(sequence[i])) & 0x3F; };
  if (sequence.size() == 2) return (uint32_t(uint8_t(sequence[0])) & 0x1F) << 6 | low(1);
  if (sequence.size() == 3) return (uint32_t(uint8_t(sequence[0])) & 0x0F) << 12 | low(1) << 6 | low(2);
  return 0;
}

/// The second set of control characters, line separators, and marks of direction.
bool is_hidden(uint32_t point) {
  return (point >= 0x80 && point <= 0x9F) || (point >= 0x200E && point <= 0x200F) ||
         (point >= 0x2028 && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069);
}

void append_escaped(std::string& out, const char* format, unsigned value) {
  char text[16];
  std::snprintf(text, sizeof text, format, value);
  out += text;
}

/// Appends what stands for the first sequence of `text` and returns how many bytes it has.
size_t append_one(std::string& out, std::string_view text, bool keep_lines) {
  const auto c = uint8_t(text[0]);
  const size_t length = utf8_length(text);
  const uint32_t point = length > 1 ? code_point(text.substr(0, length)) : 0;
  if (keep_lines && (c == '\n' || c == '\t' || c == '\\'))
    out += char(c);
  else if (c == '\n')
    out += "\\n";
  else if (c == '\r')
    out += "\\r";
  else if (c == '\t')
    out += "\\t";
  else if (c == '\\')
    out += "\\\\";
  else if (length == 0 || c < 0x20 || c == 0x7F)
    append_escaped(out, "\\x%02x", c);
  else if (is_hidden(point))
    append_escaped(out, "\\u%04x", point);
  else
    out += text.substr(0, length);
  return length == 0 ? 1 : length;
}

}  // namespace

std::string printable(std::string_view text, size_t most) {
  std::string out;
  while (!text.empty()) {
    if (out.size() >= most) return out + "…";
    text.remove_prefix(append_one(out, text, false));
  }
  return out;
}

std::string printable_lines(std::string_view text) {
  std::string out;
  while (!text.empty()) text.remove_prefix(append_one(out, text, true));
  return out;
}

}  // namespace rekindle
