// The shape work of a frame: symbols from inputs, dims, memory, launches. Done once for a set of shapes and
// kept for the last few of them, so that going back costs next to nothing.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "base/printable.h"
#include "runtime/frame.h"

namespace rekindle {

namespace {

constexpr int64_t kMostBytes = int64_t(1) << 47;
constexpr int64_t kNoValue = -1;

Status wrong(std::string text) { return Status::error(Code::invalid_argument, std::move(text)); }

}  // namespace

Status Frame::prepare() {
  if (is_prepared_) return {};
  RK_CHECK(bind_symbols());
  RK_CHECK(enter_level(0));
  is_prepared_ = true;
  return {};
}

// ---- symbols

void Frame::inherit(size_t position, int64_t value) {
  const uint32_t slot = plan_.inherited[position].second;
  if (inherited_[position] == value) return;
  inherited_[position] = value;
  symbols_[slot] = value;
  is_prepared_ = false;
}

Status Frame::bind_symbols() {
  for (const uint32_t slot : plan_.levels[0].slots) symbols_[slot] = kNoValue;
  for (uint32_t i = 0; i < plan_.input_count;
       ++i)  // a symbol of an input need not stand in any dim that is evaluated
    for (const uint32_t d : plan_.dims.view_dims(plan_.plan->binding_views[i]))
      for (const uint32_t slot : plan_.dims.program.slots_of(d)) symbols_[slot] = kNoValue;
  for (size_t i = 0; i < inherited_.size(); ++i) symbols_[plan_.inherited[i].second] = inherited_[i];
  for (uint32_t i = 0; i < plan_.input_count; ++i) RK_CHECK(bind_symbols_of(i));
  for (uint32_t i = 0; i < plan_.input_count; ++i) RK_CHECK(check_input_dims(i));
  return {};
}

/// Dims of an input that are one plain symbol give it its value; the others are checked once all symbols have
/// theirs.
Status Frame::bind_symbols_of(uint32_t binding) {
  const Binding& b = plan_.plan->bindings[binding];
  const BoundValue& value = bound_[binding];
  if (!value.is_bound) return wrong(fmt::format("input {} is not bound", printable(b.name)));
  if (value.dims.size() != b.type.shape.size())
    return wrong(fmt::format("input {} has rank {}, expected {}", printable(b.name), value.dims.size(),
                             b.type.to_string()));
  const auto numbers = plan_.dims.view_dims(plan_.plan->binding_views[binding]);
  for (size_t axis = 0; axis < numbers.size(); ++axis) {
    const auto slots = plan_.dims.program.slots_of(numbers[axis]);
    if (slots.size() != 1 || !b.type.shape[axis].as_symbol()) continue;
    const int64_t size = value.dims[axis];
    const Range& range = plan_.slot_range[slots[0]];
    if (size < range.min || size > range.max)
      return wrong(fmt::format("dim {} of input {} is {}, expected {} from {} to {}", axis, printable(b.name),
                               size, plan_.dims.program.symbols()[slots[0]], range.min, range.max));
    int64_t& symbol = symbols_[slots[0]];
    if (symbol != kNoValue && symbol != size)
      return wrong(fmt::format("dim {} of input {} is {}, but {} is {} elsewhere", axis, printable(b.name),
                               size, plan_.dims.program.symbols()[slots[0]], symbol));
    symbol = size;
  }
  return {};
}

Status Frame::check_input_dims(uint32_t binding) {
  const auto numbers = plan_.dims.view_dims(plan_.plan->binding_views[binding]);
  if (const auto failed = plan_.dims.program.evaluate(numbers, symbols_, values_))
    return plan_.dims.program.explain(*failed, symbols_)
        .note("in the shape of input " + plan_.plan->bindings[binding].name);
  const Dims& dims = bound_[binding].dims;
  for (size_t axis = 0; axis < numbers.size(); ++axis)
    if (dims[axis] != values_[numbers[axis]])
      return wrong(
          fmt::format("input {} has shape {}, expected {}{}", plan_.plan->bindings[binding].name,
                      to_string(dims), to_string(plan_.plan->bindings[binding].type.shape),
                      fmt::format(": dim {} is {}, not {}", axis, dims[axis], values_[numbers[axis]])));
  return {};
}

// ---- levels

Status Frame::enter_level(uint32_t level) {
  signature_.clear();
  for (const uint32_t slot : plan_.levels[level].slots) signature_.push_back(symbols_[slot]);
  LevelState& state = levels_[level];
  if (state.active == nullptr || state.active->signature != signature_) {
    state.active = nullptr;  // should this fail, the values are no longer those of the old shapes
    Prepared* prepared = find_prepared(level);
    if (prepared == nullptr) {
      RK_TRY(std::unique_ptr<Prepared> made, make_prepared(level));
      prepared = made.get();
      state.kept.push_back(std::move(made));
    }
    activate(level, *prepared);
  }
  state.active->last_used = ++clock_;
  return place_buffers(level);
}

/// The kept shapes with this signature, if they are there; if not, room is made for them.
Frame::Prepared* Frame::find_prepared(uint32_t level) {
  std::vector<std::unique_ptr<Prepared>>& kept = levels_[level].kept;
  for (const auto& p : kept)
    if (p->signature == signature_) return p.get();
  if (kept.size() >= kShapesKept)
    kept.erase(std::min_element(kept.begin(), kept.end(),
                                [](const auto& a, const auto& b) { return a->last_used < b->last_used; }));
  return nullptr;
}

Result<std::unique_ptr<Frame::Prepared>> Frame::make_prepared(uint32_t level) {
  const LoadedLevel& of = plan_.levels[level];
  auto prepared = std::make_unique<Prepared>();
  prepared->signature = signature_;
  prepared->values.reserve(of.dims.size());
  prepared->extents.reserve(of.views.size());
  prepared->launches.reserve(of.steps.size());
  if (const auto failed = plan_.dims.program.evaluate(of.dims, symbols_, values_))
    return plan_.dims.program.explain(*failed, symbols_);
  for (const uint32_t d : of.dims) prepared->values.push_back(values_[d]);
  prepared->arena_bytes.assign(plan_.devices.size(), 0);
  prepared->workspace_bytes.assign(plan_.devices.size(), 0);
  RK_CHECK(check_dims(level));
  RK_CHECK(measure_views(level, *prepared));
  if (level == 0) RK_CHECK(plan_arena(*prepared));
  RK_CHECK(prepare_launches(level, *prepared));
  return prepared;
}

/// Inputs may be too small for the model: a window that reaches past them, a part that is cut from nothing.
Status Frame::check_dims(uint32_t level) {
  for (const uint32_t v : plan_.levels[level].views) {
    const auto numbers = plan_.dims.view_dims(v);
    for (size_t axis = 0; axis < numbers.size(); ++axis) {
      if (values_[numbers[axis]] >= 0) continue;
      const TensorType& type = plan_.view(v).type;
      Status status =
          wrong(fmt::format("the inputs are too small: {} of a value {} is {}, expected at least 0",
                            type.shape[axis].to_string(), type.to_string(), values_[numbers[axis]]));
      for (uint32_t i = 0; i < plan_.plan->steps.size(); ++i) {
        const std::vector<uint32_t>& made = plan_.plan->steps[i].outputs;
        if (std::find(made.begin(), made.end(), v) != made.end())
          return std::move(status).note("in " + plan_.describe(i));
      }
      return status;
    }
  }
  return {};
}

/// validate() has looked at a few sizes; this looks at these.
Status Frame::measure_views(uint32_t level, Prepared& prepared) {
  for (const uint32_t b : plan_.levels[level].buffers) {
    const int64_t bytes = values_[plan_.dims.buffer_bytes(b)];
    if (plan_.buffers[b].source != Source::made && (bytes < 0 || bytes > kMostBytes))
      return wrong(fmt::format("buffer {} would have {} bytes for these shapes", b, bytes));
  }
  for (const uint32_t v : plan_.levels[level].views) {
    const View& view = plan_.view(v);
    ViewExtent extent;
    const char* why =
        extent.measure(view.type.dtype, plan_.dims.view_dims(v), plan_.dims.view_strides(v), values_);
    if (why != nullptr) return wrong(fmt::format("view {} of type {} {}", v, view.type.to_string(), why));
    const int64_t offset = values_[plan_.dims.view_offset(v)];
    const bool is_sized = plan_.buffers[view.buffer].source != Source::made;
    const int64_t bytes = is_sized ? values_[plan_.dims.buffer_bytes(view.buffer)] : kMostBytes;
    if (offset < 0 || (extent.bytes > 0 && (offset > bytes || extent.bytes > bytes - offset)))
      return wrong(fmt::format("view {} of type {} takes {} bytes at {}, its buffer has {}", v,
                               view.type.to_string(), extent.bytes, offset, bytes));
    prepared.extents.push_back(extent.bytes);
    extents_[v] = extent.bytes;
  }
  return {};
}

Status Frame::plan_arena(Prepared& prepared) {
  const std::vector<uint32_t>& buffers = plan_.levels[0].buffers;
  prepared.offsets.assign(buffers.size(), 0);
  const bool is_static = has_static_arena(*plan_.plan);
  for (size_t device = 0; device < plan_.devices.size(); ++device) {
    int64_t& arena_bytes = prepared.arena_bytes[device];
    requests_.clear();
    int64_t total = 0;
    for (size_t i = 0; i < buffers.size(); ++i) {
      const Buffer& b = plan_.plan->buffers[buffers[i]];
      if (plan_.buffers[buffers[i]].source != Source::arena || b.device != device) continue;
      const int64_t bytes = values_[plan_.dims.buffer_bytes(buffers[i])];
      requests_.push_back({bytes, b.first_step, b.last_step});
      if ((total += bytes) > kMostBytes)
        return Status::error(Code::out_of_memory, "the arena would be larger than 2^47 bytes");
      if (!is_static) continue;
      prepared.offsets[i] = int64_t(b.offset);
      arena_bytes = std::max(arena_bytes, int64_t(b.offset) + bytes);
    }
    if (is_static) continue;
    planner_.place(requests_, layout_);
    arena_bytes = layout_.bytes;
    size_t next = 0;
    for (size_t i = 0; i < buffers.size(); ++i)
      if (plan_.buffers[buffers[i]].source == Source::arena &&
          plan_.plan->buffers[buffers[i]].device == device)
        prepared.offsets[i] = layout_.offsets[next++];
  }
  return {};
}

// ---- launches

Status Frame::prepare_launches(uint32_t level, Prepared& prepared) {
  for (const uint32_t i : plan_.levels[level].steps) {
    const Step& step = plan_.plan->steps[i];
    const bool is_empty = std::all_of(step.outputs.begin(), step.outputs.end(),
                                      [&](uint32_t v) { return v == kNone || extents_[v] == 0; });
    if (is_empty) {
      prepared.launches.push_back(nullptr);
      continue;
    }
    auto launch = prepare_launch(i);
    if (!launch.ok()) return launch.status().note("while preparing " + plan_.describe(i));
    const int64_t workspace = (*launch)->workspace_bytes();
    int64_t& most = prepared.workspace_bytes[step.device];
    if (workspace < 0 || workspace > kMostBytes)
      return Status::error(Code::internal, fmt::format("a workspace of {} bytes", workspace))
          .note("while preparing " + plan_.describe(i));
    most = std::max(most, workspace);
    prepared.launches.push_back(*std::move(launch));
  }
  return {};
}

Result<std::unique_ptr<Launch>> Frame::prepare_launch(uint32_t index) {
  const Step& step = plan_.plan->steps[index];
  input_shapes_.resize(std::max(input_shapes_.size(), step.inputs.size()));
  output_shapes_.resize(std::max(output_shapes_.size(), step.outputs.size()));
  constants_.assign(step.inputs.size(), nullptr);
  for (size_t i = 0; i < step.inputs.size(); ++i) {
    describe_argument(step.inputs[i], input_shapes_[i]);
    if (step.inputs[i] == kNone || plan_.buffer_of(step.inputs[i]).place != Place::weight) continue;
    const auto* base = static_cast<const std::byte*>(plan_.buffers[plan_.view(step.inputs[i]).buffer].base);
    constants_[i] = base + values_[plan_.dims.view_offset(step.inputs[i])];
  }
  for (size_t i = 0; i < step.outputs.size(); ++i) describe_argument(step.outputs[i], output_shapes_[i]);
  grid_.clear(), scalars_.clear();
  for (const uint32_t d : plan_.dims.grid(index)) grid_.push_back(values_[d]);
  for (const uint32_t d : plan_.dims.scalars(index)) scalars_.push_back(values_[d]);
  LaunchShapes shapes;
  shapes.inputs = std::span(input_shapes_).first(step.inputs.size());
  shapes.outputs = std::span(output_shapes_).first(step.outputs.size());
  shapes.grid = grid_, shapes.scalars = scalars_;
  shapes.threads = resources_.threads;
  shapes.constant_inputs = constants_;
  auto launch = plan_.steps[index].kernel->prepare(shapes);
  if (launch.ok() && *launch == nullptr) return Status::error(Code::internal, "a kernel prepared nothing");
  return launch;
}

void Frame::describe_argument(uint32_t view, ArgShape& shape) const {
  shape.present = view != kNone;
  shape.dims.clear(), shape.strides.clear();
  if (view == kNone) return;
  shape.dtype = plan_.view(view).type.dtype;
  for (const uint32_t d : plan_.dims.view_dims(view)) shape.dims.push_back(values_[d]);
  for (const uint32_t d : plan_.dims.view_strides(view)) shape.strides.push_back(values_[d]);
}

// ---- from prepared shapes to memory

void Frame::activate(uint32_t level, Prepared& prepared) {
  const LoadedLevel& of = plan_.levels[level];
  for (size_t i = 0; i < of.dims.size(); ++i) values_[of.dims[i]] = prepared.values[i];
  for (size_t i = 0; i < of.views.size(); ++i) extents_[of.views[i]] = prepared.extents[i];
  for (size_t i = 0; i < of.steps.size(); ++i) launch_[of.steps[i]] = prepared.launches[i].get();
  levels_[level].active = &prepared;
}

Status Frame::place_buffers(uint32_t level) {
  const Prepared& prepared = *levels_[level].active;
  for (size_t device = 0; device < plan_.devices.size(); ++device) {
    RK_CHECK(resources_.workspaces[device].grow(*plan_.devices[device], prepared.workspace_bytes[device]));
    RK_CHECK(arenas_[device].grow(*plan_.devices[device], prepared.arena_bytes[device]));
  }
  const std::vector<uint32_t>& buffers = plan_.levels[level].buffers;
  for (size_t i = 0; i < buffers.size(); ++i) {
    const uint32_t b = buffers[i];
    const Buffer& buffer = plan_.plan->buffers[b];
    BufferState& state = buffers_[b];
    if (plan_.buffers[b].source != Source::made) state.bytes = values_[plan_.dims.buffer_bytes(b)];
    switch (plan_.buffers[b].source) {
      case Source::arena:
        state.home = static_cast<std::byte*>(arenas_[buffer.device].data()) + prepared.offsets[i];
        place(b, state.home);
        break;
      case Source::own:
        RK_CHECK(own_[b].grow(*plan_.devices[buffer.device], state.bytes));
        place(b, own_[b].data());
        break;
      case Source::bound:
        if (!plan_.plan->bindings[buffer.index].is_input) RK_CHECK(place_bound_output(b));
        break;
      case Source::weight:
      case Source::made:
        break;
    }
  }
  return {};
}

/// An output goes to the caller's memory when there is some, else to memory that the frame keeps for it.
Status Frame::place_bound_output(uint32_t buffer) {
  const auto binding = uint32_t(plan_.plan->buffers[buffer].index);
  BufferState& state = buffers_[buffer];
  const BoundValue& value = bound_[binding];
  if (!value.is_bound || (value.on_device && plan_.needs_host_copy[binding])) {
    if (plan_.has_accelerator)
      RK_CHECK(own_[buffer].grow_staging(*plan_.devices[plan_.accelerator], state.bytes));
    else
      RK_CHECK(own_[buffer].grow(*plan_.devices[plan_.plan->buffers[buffer].device], state.bytes));
    state.base = own_[buffer].data();
  }
  if (!value.is_bound) return {};
  const auto numbers = plan_.dims.view_dims(plan_.plan->binding_views[binding]);
  const bool is_equal = std::equal(numbers.begin(), numbers.end(), value.dims.begin(), value.dims.end(),
                                   [&](uint32_t d, int64_t size) { return values_[d] == size; });
  if (!is_equal) {
    const auto expected = output_dims(binding);
    return wrong(fmt::format("the memory bound to output {} has shape {}, expected {}",
                             plan_.plan->bindings[binding].name, to_string(value.dims),
                             to_string(Dims(expected.begin(), expected.end()))));
  }
  if (!value.on_device) state.base = value.data;
  return {};
}

}  // namespace rekindle
