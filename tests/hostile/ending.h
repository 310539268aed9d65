// How a hostile model ends: built into an engine and run, for one instruction set, and by the reference.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "api/builder.h"
#include "ir/graph.h"
#include "onnx/import.h"
#include "onnx/model_text.h"
#include "runtime/engine.h"

namespace rekindle::test {

/// The outputs of a run, or why there are none.
struct Ending {
  std::string error;
  Tensors outputs;
};

/// The instruction sets that kernels exist for and this machine has.
inline std::vector<std::string> targets_here() {
  std::vector<std::string> targets;
  for (size_t i = 0; i <= size_t(detect_isa()); ++i) targets.push_back("cpu:" + std::string(kIsaNames[i]));
  return targets;
}

inline Result<Tensors> run_engine(std::string bytes, const Tensors& inputs) {
  const auto owner = std::make_shared<const std::string>(std::move(bytes));
  RK_TRY(EngineFile file, open_engine_bytes(std::as_bytes(std::span(*owner)), owner));
  LoadOptions load;
  load.open_device = open_devices();
  RK_TRY(const auto engine, Engine::from_file(std::move(file), load));
  RK_TRY(const auto context, engine->create_context({.threads = 1}));
  size_t next = 0;
  for (const Binding& b : engine->bindings())
    if (b.is_input && next < inputs.size()) RK_CHECK(context->bind(b.name, inputs[next++]));
  RK_CHECK(context->run());
  Tensors outputs;
  for (const Binding& b : engine->bindings()) {
    if (b.is_input) continue;
    RK_TRY(const Tensor output, context->output(b.name));
    outputs.push_back(output.clone());
  }
  return outputs;
}

inline Ending ending_of(const Result<Tensors>& result) {
  return result.ok() ? Ending{"", *result} : Ending{result.status().to_string(), {}};
}

inline Ending by_engine(const std::string& model, const Tensors& inputs, const std::string& target) {
  BuildOptions options;
  options.targets = {target};
  options.effort = 0;
  options.threads = 1;
  auto built = build_engine(onnx::test::as_bytes(model), {}, options);
  if (!built.ok()) return {built.status().to_string(), {}};
  return ending_of(run_engine(std::move(built->bytes), inputs));
}

inline Ending by_reference(const std::string& model, const Tensors& inputs) {
  const auto imported = onnx::import_bytes(onnx::test::as_bytes(model));
  if (!imported.ok()) return {imported.status().to_string(), {}};
  return ending_of(interpret(imported->graph, inputs));
}

/// Seconds since it was made: bad input must not only be refused, but soon.
class Stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

}  // namespace rekindle::test
