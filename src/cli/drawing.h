// Pictures of plans and graphs: one box a kernel, drawn by graphviz.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "ir/graph.h"
#include "plan/plan.h"

namespace rekindle::cli {

/// The text that graphviz draws.
std::string drawing_of(const Plan& plan);
std::string drawing_of(const Graph& graph);
/// Writes .dot files as they are, runs `dot` for .svg, .png and .pdf; an error when it is missing or fails.
Status draw(const std::string& dot_text, const std::string& path);

}  // namespace rekindle::cli
