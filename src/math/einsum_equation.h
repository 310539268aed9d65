// Einsum equations read into labels: one number for each dim of each input and of the output.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace rekindle {

/// Letters are 'A' to 'Z', then 'a' to 'z'; from kEllipsisLabel on come the dims of an ellipsis, counted from
/// its last one.
inline constexpr int kEllipsisLabel = 52;

struct EinsumLabels {
  std::vector<std::vector<int>> inputs;
  std::vector<int> output;  // each at most once
};

/// Errors name the term or the column.
Result<EinsumLabels> parse_einsum(std::string_view equation, const std::vector<int>& ranks);
/// "j", or "ellipsis dim -1".
std::string einsum_label_text(int label);

}  // namespace rekindle
