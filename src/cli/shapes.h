// Shapes and profiles as users type them: "x=1x3x224x224", "x=1x3x32x32:1x3x48x320:8x3x48x1280".
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "api/builder.h"

namespace rekindle::cli {

/// "NAME=VALUE"; the name may hold colons and slashes, so the last '=' divides.
Result<std::pair<std::string, std::string>> split_name(const std::string& text, const std::string& what);
/// "1x3x224x224"; "scalar" is rank 0.
Result<Dims> parse_dims(const std::string& text);
/// "1x3x32x32:1x3x48x320:8x3x48x1280", or one shape for all three.
Result<InputProfile> parse_profile(const std::string& text);
/// "1GiB", "512MiB", "65536".
Result<int64_t> parse_bytes(const std::string& text);

}  // namespace rekindle::cli
