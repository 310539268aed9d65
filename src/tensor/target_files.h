// The text of the files in targets/, which the build puts into the library.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string_view>
#include <vector>

namespace rekindle {

/// The file's text; a name that is not there is a bug and aborts.
std::string_view target_file(std::string_view name);
/// All of them, sorted.
std::vector<std::string_view> target_file_names();

}  // namespace rekindle
