// What stands behind Engine and Context.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "runtime/frame.h"

namespace rekindle {

struct Engine::State {
  EngineFile file;
  size_t variant = 0;
  std::unique_ptr<LoadedPlan> plan;  // of file.variants[variant]
};

struct Context::State {
  std::shared_ptr<const Engine> engine;  // first: what follows uses its plan and weights
  ContextOptions options;
  FrameResources resources;
  std::unique_ptr<Frame> frame;
  std::vector<StepTime> times;
  bool is_profiling = false;
  bool has_outputs = false;  // the last run succeeded, and the shapes are still its
};

}  // namespace rekindle
