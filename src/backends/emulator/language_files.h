// The text of the files in language/, which the build puts into the program.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string_view>

namespace rekindle::emulator {

/// The file's text; a name that is not there is a bug and aborts.
std::string_view language_file(std::string_view name);

}  // namespace rekindle::emulator
