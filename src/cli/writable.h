// Whether a file can be written, asked before the work whose result it takes.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "base/result.h"

namespace rekindle::cli {

/// An error when `path` is a folder, or its own folder is missing or not to be written in; "" and "-" are
/// fine. Nothing is made or changed; a full disk still shows only when the file is written.
Status can_write(const std::string& path);

}  // namespace rekindle::cli
