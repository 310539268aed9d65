// Escaping of names for messages and origins.
// SPDX-License-Identifier: Apache-2.0
#include "onnx/names.h"

#include "base/printable.h"

namespace rekindle::onnx {

std::string quote_name(std::string_view name) {
  constexpr size_t kMost = 120;
  std::string text = "'";
  for (const char c : printable(name, kMost)) {
    if (c == '\'') text += '\\';
    text += c;
  }
  return text + "'";
}

}  // namespace rekindle::onnx
