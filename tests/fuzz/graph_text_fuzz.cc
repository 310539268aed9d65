// Any text is a graph or an error; a graph verifies, prints, and reads back to the same text.
// SPDX-License-Identifier: Apache-2.0
#include "ir/graph.h"
#include "ops/table.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace rekindle;
  const auto graph = parse(std::string_view(reinterpret_cast<const char*>(data), size), ops::table());
  if (!graph.ok()) return 0;
  const Status status = graph->verify();
  RK_ASSERT(status.ok(), status.message().c_str());
  ConstantTable constants;
  const std::string text = print(*graph, constants, true);
  const auto back = parse(text, ops::table(), &constants);
  RK_ASSERT(back.ok(), back.status().message().c_str());
  ConstantTable again;
  RK_ASSERT(print(*back, again, true) == text, "a printed graph reads back as another");
  return 0;
}
