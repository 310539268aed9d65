// Text that came from a file, made safe to print: nothing in it can move a cursor, colour a terminal, begin a
// line of its own or be read backwards. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace rekindle {

/// Control characters, marks that turn the direction of writing, and bytes that are no UTF-8 become escapes
/// (\n, \x1b, \u202e); a backslash is doubled. Text longer than `most` bytes is cut, which an ellipsis shows.
std::string printable(std::string_view text, size_t most = 200);
/// The same for texts of many lines (reports, messages): line ends and backslashes stay, and nothing is cut.
std::string printable_lines(std::string_view text);

}  // namespace rekindle
