// UTF-8 to and from code points (RFC 3629).
// SPDX-License-Identifier: Apache-2.0
#include "tensor/utf8.h"

namespace rekindle {

bool append_utf8(std::string& text, uint32_t point) {
  if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return false;
  if (point < 0x80) {
    text += char(point);
  } else if (point < 0x800) {
    text += {char(0xc0 | point >> 6), char(0x80 | (point & 63))};
  } else if (point < 0x10000) {
    text += {char(0xe0 | point >> 12), char(0x80 | (point >> 6 & 63)), char(0x80 | (point & 63))};
  } else {
    text += {char(0xf0 | point >> 18), char(0x80 | (point >> 12 & 63)), char(0x80 | (point >> 6 & 63)),
             char(0x80 | (point & 63))};
  }
  return true;
}

std::u32string utf32_of(std::string_view text) {
  std::u32string points;
  for (size_t i = 0; i < text.size();) {
    const uint8_t first = uint8_t(text[i]);
    const size_t length = first < 0x80                    ? 1
                          : first >= 0xc2 && first < 0xe0 ? 2
                          : first >= 0xe0 && first < 0xf0 ? 3
                          : first >= 0xf0 && first < 0xf5 ? 4
                                                          : 0;
    uint32_t point = length == 1 ? first : length == 0 ? 0 : first & (0x7fU >> length);
    bool good = length > 0 && length <= text.size() - i;
    for (size_t k = 1; good && k < length; ++k) {
      const uint8_t next = uint8_t(text[i + k]);
      good = (next & 0xc0) == 0x80;
      point = point << 6 | (next & 63U);
    }
    std::string again;  // refuses surrogates; a longer form than needed comes back shorter
    if (!good || !append_utf8(again, point) || again.size() != length) {
      points += char32_t(0xfffd);
      ++i;
    } else {
      points += char32_t(point);
      i += length;
    }
  }
  return points;
}

}  // namespace rekindle
