// Engine: a loaded file, immutable and shared. Context: the shapes, arena and streams of one thread of work.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <filesystem>
#include <memory>
#include <optional>

#include "device/device.h"
#include "plan/engine_file.h"

namespace rekindle {

struct LoadOptions {
  OpenDevice open_device;
  int variant = -1;  // -1: the best one this machine can run
  bool verify_weights = true;
  std::optional<Isa> isa;  // what the machine is taken to have; not set: asked
};
struct ContextOptions {
  int threads = 0;  // 0: every core the process may use (affinity and cgroup limits asked)
  /// A loop that wants to run longer is an error: a trip count from a model or an input must not hang the
  /// program.
  int64_t most_iterations = int64_t(1) << 24;
  /// Steps of a GPU that do not need each other's results may run at the same time.
  bool overlap = true;
};

class Context;

class Engine : public std::enable_shared_from_this<Engine> {
 public:
  /// Errors say which variant needs what this machine lacks ("needs avx512, this machine has avx2").
  static Result<std::shared_ptr<const Engine>> load(const std::filesystem::path&, const LoadOptions&);
  static Result<std::shared_ptr<const Engine>> from_file(EngineFile file, const LoadOptions&);
  std::span<const Binding> bindings() const;
  const Plan& plan() const;
  const EngineFile& file() const;
  Result<std::unique_ptr<Context>> create_context(const ContextOptions& = {}) const;
  ~Engine();

 private:
  friend class Context;
  friend class Frame;
  Engine();
  struct State;
  std::unique_ptr<State> state_;
};

/// What one step took in a profiled run.
struct StepTime {
  uint32_t step = 0;
  double microseconds = 0;
};

class Context {
 public:
  ~Context();
  /// Checks dtype, rank, fixed dims and the profile; symbols get their values. The tensor shares its memory
  /// with the caller: filling it again and running needs no new bind. An output may be bound too, to receive
  /// the result in place.
  Status bind(std::string_view name, Tensor tensor);
  /// The same with memory of the engine's GPU, contiguous and aligned to 16 bytes. It is read and written in
  /// place, so memory of different bindings must not overlap.
  Status bind_device(std::string_view name, DType dtype, Dims dims, void* data,
                     std::shared_ptr<const void> owner = nullptr);
  /// After every input is bound: the concrete shape an output will have; an error when only the run can tell.
  Result<Dims> output_dims(std::string_view name);
  /// Runs and waits. A run after the first with the same shapes neither allocates nor locks; on a GPU, which
  /// records its work in the second, after the second.
  Status run();
  /// Enqueues a run on a stream of the engine's GPU (a CUstream; null is its default stream) and returns.
  /// Outputs are there when the stream has got that far; until then nothing that is bound may change, and
  /// runs on other streams must wait. An engine with steps on the host waits itself.
  Status enqueue(void* stream);
  Result<Tensor> output(std::string_view name) const;  // valid after run(), until the next
  /// Times each step of the next runs; costs a clock read a step.
  void set_profiling(bool on);
  std::span<const StepTime> step_times() const;
  int64_t arena_bytes() const;  // for the current shapes

 private:
  friend class Engine;
  Context();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace rekindle
