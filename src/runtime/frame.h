// Frame: one plan being run by one context: its symbol values, prepared launches and memory. Branches and
// loops run frames of their own inside it. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "plan/arena.h"
#include "runtime/engine.h"
#include "runtime/loaded_plan.h"
#include "runtime/storage.h"

namespace rekindle {

/// What all frames of a context share; they run one after the other.
struct FrameResources {
  std::vector<std::unique_ptr<Stream>> streams;  // one a device
  std::vector<Storage> workspaces;               // one a device: the largest that a launch asked for
  int threads = 1;
  int64_t iterations_left = INT64_MAX;  // of all loops of the run
  bool overlap = true;                  // steps of a device that do not need each other may run together
};

/// A value on its way into or out of a frame. Memory is the caller's; `tensor` is set where there is an
/// object to share (and for strings, which are nothing else).
struct Argument {
  void* data = nullptr;
  std::span<const int64_t> dims;
  const Tensor* tensor = nullptr;
  bool on_device = false;  // the memory is the accelerator's
};

class LoopState;

class Frame {
 public:
  Frame(const LoadedPlan& plan, FrameResources& resources);
  ~Frame();

  /// The memory and shape of an input. Nothing is looked at before prepare().
  void bind_input(uint32_t binding, const Argument& argument);
  /// Where an output goes; null data: into memory of the frame.
  void bind_output(uint32_t binding, const Argument& argument);
  /// The value of an inherited symbol (LoadedPlan::inherited, by position).
  void inherit(size_t position, int64_t value);

  /// The shape work that the inputs alone allow; nothing when they have the shapes of the last time. run()
  /// calls it.
  Status prepare();
  bool is_prepared() const { return is_prepared_; }
  Status run(std::span<StepTime> times = {});
  /// The same without waiting, where every step is the accelerator's; its stream tells when outputs are
  /// there.
  Status enqueue();

  /// After prepare(): the dims of an output, if they are known before the run.
  bool knows_dims(uint32_t binding) const;
  std::span<const int64_t> output_dims(uint32_t binding);  // valid until the next call
  /// After run().
  Result<Argument> output(uint32_t binding);
  /// The same as an object that keeps the memory alive; `keep_alive` does so for weights.
  Result<Tensor> output_tensor(uint32_t binding, const std::shared_ptr<const void>& keep_alive);
  /// Where an output is that was not bound and has memory of its own.
  Storage& own_output(uint32_t binding) {
    return own_[plan_.view(plan_.plan->binding_views[binding]).buffer];
  }
  bool has_own_output(uint32_t binding) const;
  /// The caller's memory of a GPU is bound to it.
  bool is_on_device(uint32_t binding) const { return bound_[binding].is_bound && bound_[binding].on_device; }
  /// The arenas of this frame and of those inside it, for the current shapes.
  int64_t arena_bytes() const;

 private:
  friend class LoopState;
  static constexpr size_t kShapesKept = 8;

  /// A segment as it was recorded, and the memory that its launches were given.
  struct Recorded {
    std::unique_ptr<Recording> recording;
    std::vector<uint32_t> steps;        // those that compute something
    std::vector<const void*> pointers;  // inputs, then outputs, step by step
    const void* workspace = nullptr;
    uint64_t placement = 0;  // Frame::placement_ of then
  };
  /// What a launch reads and writes, in the places that values have when no caller's memory takes theirs.
  struct Touched {
    uintptr_t begin = 0, end = 0;
    bool is_written = false;
  };

  /// The shape work of one level for one set of symbol values.
  struct Prepared {
    std::vector<int64_t> signature;                 // of LoadedLevel::slots
    std::vector<int64_t> values;                    // of LoadedLevel::dims
    std::vector<int64_t> extents;                   // bytes that each of LoadedLevel::views touches
    std::vector<std::unique_ptr<Launch>> launches;  // of LoadedLevel::steps; null: nothing to compute
    std::vector<int64_t> offsets;                   // of LoadedLevel::buffers, where they are in the arena
    std::vector<int64_t> arena_bytes, workspace_bytes;  // one a device
    std::vector<Recorded> recorded;                     // of LoadedPlan::segments; level 0 only
    uint64_t last_used = 0;
    bool has_run = false;
  };
  struct LevelState {
    std::vector<std::unique_ptr<Prepared>> kept;  // the last shapes, at most kShapesKept
    Prepared* active = nullptr;
  };
  struct BoundValue {
    void* data = nullptr;
    Dims dims;
    Tensor tensor;
    bool is_bound = false, on_device = false;
  };
  struct BufferState {
    void* base = nullptr;
    void* home = nullptr;  // in the arena, also when a caller's memory takes its place
    int64_t bytes = 0;
    Tensor tensor;  // made buffers, and bound ones that are objects
    bool has_tensor = false;
  };
  /// What a branch or loop keeps between runs.
  struct Children {
    std::vector<std::unique_ptr<Frame>> frames;
    std::unique_ptr<LoopState> loop;
  };

  // frame_shapes.cc
  Status bind_symbols();
  Status bind_symbols_of(uint32_t binding);
  Status check_input_dims(uint32_t binding);
  Status enter_level(uint32_t level);
  Prepared* find_prepared(uint32_t level);
  Result<std::unique_ptr<Prepared>> make_prepared(uint32_t level);
  Status check_dims(uint32_t level);
  Status measure_views(uint32_t level, Prepared& prepared);
  Status plan_arena(Prepared& prepared);
  Status prepare_launches(uint32_t level, Prepared& prepared);
  Result<std::unique_ptr<Launch>> prepare_launch(uint32_t step);
  void describe_argument(uint32_t view, ArgShape& shape) const;
  void activate(uint32_t level, Prepared& prepared);
  Status place_buffers(uint32_t level);
  Status place_bound_output(uint32_t buffer);

  // frame_run.cc
  Status run_steps(std::span<StepTime> times);
  Status run_step(uint32_t step);
  Status run_kernel(uint32_t step);
  Status run_maker(uint32_t step);
  Status run_copy(uint32_t step);
  Result<void*> address_of(uint32_t view) const;
  Result<Tensor> tensor_of(uint32_t view);
  Result<bool> condition_of(uint32_t view) const;
  /// What a step made: defines its symbols, enters the level they complete and puts the values where the plan
  /// wants them.
  Status take_outputs(uint32_t step, std::span<Tensor> outputs);
  Status define_symbols(uint32_t step, std::span<const Tensor> outputs);
  Status place_output(uint32_t step, uint32_t view, Tensor& made);
  Tensor without_borrowed_memory(uint32_t step, Tensor made);
  Status copy_to_bound_outputs();

  // frame_device.cc
  Status start(bool waits);
  Status place_mirrors();
  void place(uint32_t buffer, void* base);
  Status copy_inputs(bool waits);
  Status copy_input(const LoadedMirror& mirror, bool waits);
  Status finish_device_outputs();

  // frame_record.cc
  /// Runs the segment that begins at `step` as one, where it is or can be recorded.
  Result<bool> replay_segment(uint32_t step);
  Status record_segment(const LoadedSegment& segment, Recorded& recorded);
  Status update_segment(const LoadedSegment& segment, Recorded& recorded);
  Status find_pointers(uint32_t step);
  std::vector<Touched> touched_by(uint32_t step, const void* workspace) const;

  // frame_control.cc
  Status run_branch(uint32_t step);
  Status run_loop(uint32_t step);
  Result<Argument> argument_of(uint32_t view);
  Status bind_child(Frame& child, uint32_t binding, uint32_t view);
  void pass_symbols(Frame& child) const;
  std::span<const int64_t> dims_of(uint32_t view);

  const LoadedPlan& plan_;
  FrameResources& resources_;
  std::vector<int64_t> symbols_, values_, extents_;  // by slot, dim number, view
  std::vector<int64_t> inherited_;                   // by position in LoadedPlan::inherited
  std::vector<LevelState> levels_;
  std::vector<Launch*> launch_;    // one a step; null: nothing to compute
  std::vector<BoundValue> bound_;  // one a binding
  std::vector<BufferState> buffers_;
  std::vector<Storage> own_;        // one a buffer: what the frame itself gives to outputs and late buffers
  std::vector<Storage> arenas_;     // one a device
  std::vector<Children> children_;  // one a step
  std::vector<Storage> staging_;    // one a binding: inputs on their way to the accelerator
  bool is_prepared_ = false;
  uint64_t placement_ = 1;  // counts changes of where buffers of devices are
  uint64_t clock_ = 0;      // orders the use of kept shapes

  // Scratch that keeps its memory between calls.
  std::vector<int64_t> signature_, dims_scratch_, grid_, scalars_;
  std::vector<ArgShape> input_shapes_, output_shapes_;
  std::vector<const void*> constants_, input_pointers_;
  std::vector<void*> output_pointers_;
  std::vector<ArenaRequest> requests_;
  ArenaPlanner planner_;
  ArenaLayout layout_;
};

}  // namespace rekindle
