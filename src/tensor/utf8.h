// UTF-8 to and from code points, for strings that come from and go to NumPy.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace rekindle {

/// Appends one code point; false for surrogates and numbers past U+10FFFF.
bool append_utf8(std::string& text, uint32_t point);
/// Every byte that is not part of well-formed UTF-8 becomes U+FFFD.
std::u32string utf32_of(std::string_view text);

}  // namespace rekindle
