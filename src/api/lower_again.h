// Engines that this machine cannot run as they are: when such an engine holds its graph (`--keep-ir`), the
// graph is compiled again for what is here. The runtime library alone cannot do that.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "api/builder.h"
#include "runtime/engine.h"

namespace rekindle {

/// The model inside an engine file, ready to be compiled: its graph, the profile it was built for, what META
/// says. An error when the engine does not hold its graph.
Result<PreparedModel> model_of_engine(const std::filesystem::path& engine);

/// An engine, and what was done to load it.
struct LoadedEngine {
  std::shared_ptr<const Engine> engine;
  std::string note;  // empty: it was loaded as it is
};
/// Loads an engine; when none of its variants fits this machine and it holds its graph, compiles that at
/// effort 0. The error says what the machine lacks and how to make an engine that can be lowered again.
Result<LoadedEngine> load_or_lower_again(const std::filesystem::path& path, LoadOptions load,
                                         int threads = 0);

}  // namespace rekindle
