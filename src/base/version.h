// The version of the libraries and of the program.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace rekindle {
inline constexpr const char* kVersion = "0.1.0";
}  // namespace rekindle
