// The IR section of an engine: the imported graph and its constants, so that another machine can lower it
// again.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "ir/graph.h"

namespace rekindle {

std::string graph_bytes(const Graph& graph);
Result<Graph> graph_from_bytes(std::string_view bytes, const OpTable& ops);

}  // namespace rekindle
