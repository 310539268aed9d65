// Fuzzes the ONNX importer: any bytes give a graph that verifies and prints, or an error with a message.
// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "onnx/import.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace rekindle;
  if (size > (size_t(1) << 20)) return 0;
  const auto imported = onnx::import_bytes(std::as_bytes(std::span(data, size)));
  if (!imported.ok()) {
    if (imported.status().message().empty()) std::abort();
    return 0;
  }
  if (!imported->graph.verify().ok()) std::abort();
  if (print(imported->graph).empty()) std::abort();
  return 0;
}
