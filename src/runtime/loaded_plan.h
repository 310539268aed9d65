// LoadedPlan: a plan made ready once for an engine: kernels loaded, symbols numbered, dims compiled, steps
// sorted by when their shapes are known. Immutable, shared by every context.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "device/device.h"
#include "plan/plan_dims.h"

namespace rekindle {

/// A symbol that a step gives a value: dim `axis` of its output number `output`.
struct LoadedDefinition {
  uint32_t slot = 0, output = 0, axis = 0;
};

struct LoadedStep {
  const Kernel* kernel = nullptr;  // null for branches, loops and copies
  bool makes_outputs = false;      // the kernel allocates its outputs
  uint32_t level = 0;              // of the shapes it needs; see LoadedPlan
  uint32_t enters = 0;             // the level that can be entered once it has defined its symbols; 0: none
  std::vector<LoadedDefinition> definitions;
  std::vector<uint32_t> releases;  // buffers with tensors that nobody reads after it
  bool is_mirror = false;          // a copy between a binding and its mirror; see LoadedMirror
  bool waits = true;               // a copy to the host that a later step may look at
  uint32_t segment = kNone;        // of LoadedPlan::segments, for its first step
};

/// A buffer of a device that holds what a binding holds. When the caller's memory is on that device, it takes
/// the buffer's place and nothing is copied.
struct LoadedMirror {
  uint32_t binding = 0, buffer = 0;
  bool is_input = true;
};

/// Kernels of one device that follow one another, with shapes that the inputs alone tell: what is recorded
/// and replayed as one.
struct LoadedSegment {
  uint16_t device = 0;
  uint32_t begin = 0, end = 0;  // steps; copies of mirrored inputs may lie between
};

/// Where a buffer's bytes come from while running. Place says it for the file; this adds what is known after
/// loading.
enum class Source : uint8_t {
  bound,   // memory that is handed in: every input, and outputs that were bound
  weight,  // fixed
  arena,   // offset planned when level 0 is entered
  own,     // sized by a symbol that a step defines: memory of its own that grows
  made,    // a tensor that a step makes
};

struct LoadedBuffer {
  Source source = Source::arena;
  uint32_t level = 0;    // when its size is known
  void* base = nullptr;  // weights: their address on the buffer's device
};

/// The shape work that becomes possible together. Level 0 needs the inputs' shapes alone; level k > 0 begins
/// when the k-th step that defines symbols has run. A level is entered again only when a symbol that its dims
/// read has another value.
struct LoadedLevel {
  std::vector<uint32_t> slots;                        // the symbols its dims read
  std::vector<uint32_t> dims, views, buffers, steps;  // what is computed, checked, placed and prepared
};

/// What loading needs beyond the plan.
struct LoadEnvironment {
  std::vector<std::shared_ptr<Device>> devices;  // as Plan::devices
  std::span<const std::byte> code, weights;
  std::map<std::pair<uint16_t, std::string>, std::shared_ptr<const Kernel>>
      kernels;  // equal images are loaded once
  std::map<std::tuple<uint16_t, uint64_t, int64_t>, std::shared_ptr<void>>
      uploaded;  // weights on devices with own memory
};

class LoadedPlan {
 public:
  static Result<std::unique_ptr<LoadedPlan>> load(const Plan& plan, LoadEnvironment& environment);

  const Plan* plan = nullptr;
  std::vector<std::shared_ptr<Device>> devices;
  PlanDims dims;
  std::vector<LoadedStep> steps;
  std::vector<LoadedBuffer> buffers;
  std::vector<uint32_t> view_level;
  std::vector<LoadedLevel> levels;
  std::vector<Range> slot_range;                         // what the profile says about each symbol
  std::vector<std::pair<uint32_t, uint32_t>> inherited;  // slot in the outer plan, slot here
  std::vector<std::unique_ptr<LoadedPlan>> subplans;
  size_t input_count = 0;
  std::vector<LoadedMirror> mirrors;
  std::vector<LoadedSegment> segments;
  std::vector<bool> needs_host_copy;  // bindings that something beside their mirror reads or writes
  uint16_t accelerator = 0;           // the device that is not the host, if there is one
  bool has_accelerator = false, has_host_steps = false;

  const View& view(uint32_t number) const { return plan->views[number]; }
  const Buffer& buffer_of(uint32_t view_number) const { return plan->buffers[view(view_number).buffer]; }
  Device& device(uint16_t number) const { return *devices[number]; }
  /// "step 3 (conv + relu) from /features/0/Conv"
  std::string describe(uint32_t step) const;

 private:
  static Result<std::unique_ptr<LoadedPlan>> load(const Plan& plan, LoadEnvironment& environment,
                                                  const LoadedPlan* outer, uint32_t outer_step);
  Status load_kernels(LoadEnvironment& environment);
  Status check_maker(uint32_t step) const;
  Status check_places() const;
  Status find_sources(LoadEnvironment& environment);
  Result<void*> weight_on(uint16_t device, const Buffer& buffer, LoadEnvironment& environment);
  void number_symbols(const LoadedPlan* outer, uint32_t outer_step);
  void sort_into_levels();
  void find_releases();

  // loaded_device.cc
  void find_accelerator();
  void find_mirrors();
  void find_copies_to_wait_for();
  void find_segments();

  std::vector<uint32_t> slot_level_, slot_definer_;  // 0 and kNone: known before the first step
  std::vector<std::shared_ptr<const void>> owned_;   // kernels and uploaded weights
};

}  // namespace rekindle
