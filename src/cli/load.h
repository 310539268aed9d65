// Engines as commands take them: from an engine file, or built on the spot from an ONNX model.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "api/builder.h"
#include "cli/inputs.h"
#include "runtime/engine.h"

namespace rekindle::cli {

/// Loads an engine for this machine; one that needs more than is here is compiled again when it holds its
/// graph, which a note on stderr says. `threads` is what it will run with, 0 every core.
Result<std::shared_ptr<const Engine>> load_engine(const std::string& path, int threads = 0);
Result<std::shared_ptr<const Engine>> load_engine_bytes(std::string bytes);

struct OnTheSpot {
  std::vector<std::string> shapes, profiles;  // NAME=1x3x224x224, NAME=MIN:USUAL:MAX
  std::vector<std::string> disabled;
  std::string target = "cpu";
  int effort = 1, threads = 0;
  bool quiet = false;
};
/// What --shape and --profile say, as options for the builder.
Result<BuildOptions> build_options(const OnTheSpot& how);
/// The engine of an engine file or of a model.
Result<std::shared_ptr<const Engine>> engine_of(const std::string& path, const OnTheSpot& how);

/// The ranges of an engine's symbols, by name.
Profile profile_of(const Plan& plan);

}  // namespace rekindle::cli
