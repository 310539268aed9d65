// The engine as data: everything the runtime needs and nothing of the compiler.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "tensor/target.h"
#include "tensor/type.h"

namespace rekindle {

inline constexpr uint32_t kNone = UINT32_MAX;  // an absent optional argument

/// Where a buffer's bytes live.
enum class Place : uint8_t {
  binding,  // the caller's memory: input or output number `index`
  weight,   // the engine's weight section at byte `index`; shared by every context
  arena,    // the context's arena; offset planned from size and life span
  value,    // made by its step while running, because only then its size is known
};
inline constexpr std::array kPlaceNames{std::string_view("binding"), std::string_view("weight"),
                                        std::string_view("arena"), std::string_view("value")};
constexpr const auto& enum_names(Place) { return kPlaceNames; }

struct Binding {
  std::string name;  // as in the ONNX model
  TensorType type;   // dims are symbols, integers, or (outputs) expressions
  bool is_input = true;
  static constexpr auto fields =
      rekindle::fields("name", &Binding::name, "type", &Binding::type, "is_input", &Binding::is_input);
};

struct Buffer {
  Place place = Place::arena;
  uint16_t device = 0;  // index into Plan::devices
  uint64_t index = 0;   // binding number, or byte offset in the weight section
  Dim bytes;
  uint32_t first_step = 0, last_step = 0;  // arena: the life span, both inclusive
  uint64_t offset =
      0;  // arena, when every arena buffer is static: planned at build. Otherwise planned on a shape change
  static constexpr auto fields = rekindle::fields(
      "place", &Buffer::place, "device", &Buffer::device, "index", &Buffer::index, "bytes", &Buffer::bytes,
      "first_step", &Buffer::first_step, "last_step", &Buffer::last_step, "offset", &Buffer::offset);
};

/// A tensor in a buffer. Several views may share one buffer: reshapes, slices, parts of a concatenation.
struct View {
  uint32_t buffer = 0;
  TensorType type;
  Dim offset;                // bytes from the start of the buffer
  std::vector<Dim> strides;  // elements; empty means contiguous
  static constexpr auto fields = rekindle::fields("buffer", &View::buffer, "type", &View::type, "offset",
                                                  &View::offset, "strides", &View::strides);
};

/// A kernel as a device loads it: a host kernel's name and parameters, or an image in the KRNL section.
struct KernelImage {
  std::string name;                         // "cpu.gemm", "cpu.reference", a symbol of the image
  std::string tactic;                       // which tactic made it, for reports
  std::string params;                       // encoded by the tactic, decoded by the kernel
  uint64_t code_offset = 0, code_size = 0;  // in KRNL; 0, 0 for host kernels
  bool operator==(const KernelImage&) const = default;
  static constexpr auto fields = rekindle::fields(
      "name", &KernelImage::name, "tactic", &KernelImage::tactic, "params", &KernelImage::params,
      "code_offset", &KernelImage::code_offset, "code_size", &KernelImage::code_size);
};

/// A symbol that exists only once the step has run: output number `output` has it as dim `axis`.
struct SymbolDefinition {
  std::string symbol;
  uint32_t output = 0, axis = 0;
  static constexpr auto fields = rekindle::fields("symbol", &SymbolDefinition::symbol, "output",
                                                  &SymbolDefinition::output, "axis", &SymbolDefinition::axis);
};

enum class StepKind : uint8_t {
  kernel,  // launch `kernel` on `device`
  branch,  // inputs[0] is the boolean; the others feed sub-plan 0 (then) or 1 (else) in order
  loop,    // ONNX Loop: inputs are trip count, condition (either may be kNone), carried values, captures;
         // sub-plan 0 is the body: its inputs are iteration number, condition, carried values, captures; its
         // outputs condition, carried values, scan outputs. scalars[0] is the number of carried values; the
         // step's outputs are these, then the scans
  copy,  // inputs[0] to outputs[0], between devices
};
inline constexpr std::array kStepKindNames{std::string_view("kernel"), std::string_view("branch"),
                                           std::string_view("loop"), std::string_view("copy")};
constexpr const auto& enum_names(StepKind) { return kStepKindNames; }

struct Step {
  StepKind kind = StepKind::kernel;
  uint16_t device = 0, stream = 0;
  uint32_t kernel = 0;                       // into Plan::kernels
  std::vector<uint32_t> inputs, outputs;     // into Plan::views, or kNone
  std::vector<uint32_t> subplans;            // into Plan::subplans
  std::vector<Dim> grid, scalars;            // evaluated once per shape change, not per run
  std::vector<SymbolDefinition> defines;     // for steps whose outputs are `value` buffers
  std::string origin;                        // the ONNX nodes this step came from, for profiles and errors
  std::string label;                         // what it does, short: "conv + add + relu"
  double predicted_us = 0, measured_us = 0;  // 0: unknown
  static constexpr auto fields = rekindle::fields(
      "kind", &Step::kind, "device", &Step::device, "stream", &Step::stream, "kernel", &Step::kernel,
      "inputs", &Step::inputs, "outputs", &Step::outputs, "subplans", &Step::subplans, "grid", &Step::grid,
      "scalars", &Step::scalars, "defines", &Step::defines, "origin", &Step::origin, "label", &Step::label,
      "predicted_us", &Step::predicted_us, "measured_us", &Step::measured_us);
};

struct SymbolRange {
  std::string symbol;
  Range range;
  static constexpr auto fields =
      rekindle::fields("symbol", &SymbolRange::symbol, "range", &SymbolRange::range);
};

struct Plan {
  std::string target = "cpu";        // as Target::name resolved: "cpu:avx512"
  Isa isa = Isa::baseline;           // cpu kernels: the level the machine must have
  std::vector<std::string> devices;  // "cpu", "cuda"; buffers and steps name them by index
  std::vector<SymbolRange> profile;  // sorted by symbol
  std::vector<Binding> bindings;     // inputs first, in the model's order
  std::vector<Buffer> buffers;
  std::vector<View> views;
  std::vector<uint32_t> binding_views;  // the view of each binding
  std::vector<KernelImage> kernels;
  std::vector<Step> steps;
  std::vector<Plan>
      subplans;  // bodies of branches and loops; they share kernels' code and weights with the outer plan
  static constexpr auto fields = rekindle::fields(
      "target", &Plan::target, "isa", &Plan::isa, "devices", &Plan::devices, "profile", &Plan::profile,
      "bindings", &Plan::bindings, "buffers", &Plan::buffers, "views", &Plan::views, "binding_views",
      &Plan::binding_views, "kernels", &Plan::kernels, "steps", &Plan::steps, "subplans", &Plan::subplans);
};

/// Bytes of a contiguous tensor of this type, packed types rounded up; strings have 0.
Dim contiguous_bytes(const TensorType&);
/// True when every arena buffer's size is a number: then their offsets were planned at build.
bool has_static_arena(const Plan&);

/// Everything a hostile plan could lie about: indices, enums, arity of steps, life spans, views inside their
/// buffers for every value the profile allows, weights inside `weight_bytes`, code inside `code_bytes`,
/// overlap of live arena buffers.
Status validate(const Plan&, uint64_t weight_bytes, uint64_t code_bytes);

/// One line a step; what `rekindle inspect` prints and goldens hold.
std::string print(const Plan&);

}  // namespace rekindle
