// How far an engine in lower precision is from one in FP32.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace rekindle {

/// Runs both engines (their bytes) on the same made-up inputs: floats uniform in [-1, 1), integers 0 or 1,
/// sizes as the profile expects them. For each output of floats: the largest difference over the reference's
/// largest magnitude; infinite where one has a NaN or an infinity that the other has not.
Result<std::vector<std::pair<std::string, double>>> precision_errors(std::string_view engine,
                                                                     std::string_view reference);

}  // namespace rekindle
