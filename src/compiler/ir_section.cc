// The IR section: constants first, then the graph's text, which numbers them.
// SPDX-License-Identifier: Apache-2.0
#include "compiler/ir_section.h"

namespace rekindle {

std::string graph_bytes(const Graph& graph) {
  ConstantTable table;
  const std::string text = print(graph, table);
  Encoder e;
  encode(e, uint32_t(table.constants.size()));
  for (const auto& constant : table.constants) encode(e, *constant);
  encode(e, text);
  return std::move(e).take();
}

Result<Graph> graph_from_bytes(std::string_view bytes, const OpTable& ops) {
  Decoder d(bytes);
  ConstantTable table;
  uint32_t count = 0;
  decode(d, count);
  for (uint32_t i = 0; i < count && d.ok(); ++i) {
    auto constant = std::make_shared<Tensor>();
    decode(d, *constant);
    table.constants.push_back(std::move(constant));
  }
  std::string text;
  decode(d, text);
  if (!d.ok()) return d.status().note("while reading the engine's IR section");
  return parse(text, ops, &table);
}

}  // namespace rekindle
