// Names from a model as text that is safe to print: quotes, line ends and bytes that are no UTF-8 are
// escaped, long ones cut. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>

namespace rekindle::onnx {

/// 'conv1'; at most 120 characters of the name.
std::string quote_name(std::string_view name);

}  // namespace rekindle::onnx
