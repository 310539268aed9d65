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
  std::vector<std::shared_ptr<const void>> owners;  // of a GPU's memory that is bound, one a binding
  bool is_profiling = false;
  std::unique_ptr<Stream> callers_stream;  // what enqueue() was given last
  void* callers_handle = nullptr;
  bool has_outputs = false;  // the last run succeeded, and the shapes are still its
};

}  // namespace rekindle
