// A frame's memory and what goes in and out of it.
// SPDX-License-Identifier: Apache-2.0
#include "runtime/frame.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/loop_state.h"

namespace rekindle {

Status Storage::append_room(Device& device, int64_t used, int64_t bytes) {
  if (bytes <= capacity - used) return {};
  const std::shared_ptr<void> before = memory;
  const int64_t wanted = std::max(used + bytes, 2 * capacity);
  RK_TRY(memory, device.allocate(wanted));
  capacity = wanted;
  if (used > 0) std::memcpy(memory.get(), before.get(), size_t(used));
  return {};
}

Frame::Frame(const LoadedPlan& plan, FrameResources& resources) : plan_(plan), resources_(resources) {
  symbols_.assign(plan.dims.program.symbols().size(), 0);
  values_ = plan.dims.program.initial_values();
  extents_.assign(plan.plan->views.size(), 0);
  inherited_.assign(plan.inherited.size(), 0);
  levels_.resize(plan.levels.size());
  launch_.assign(plan.steps.size(), nullptr);
  bound_.resize(plan.plan->bindings.size());
  buffers_.resize(plan.buffers.size());
  own_.resize(plan.buffers.size());
  arenas_.resize(plan.devices.size());
  children_.resize(plan.steps.size());
  staging_.resize(plan.has_accelerator ? plan.plan->bindings.size() : 0);
  size_t most_arguments = 0;
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const Step& step = plan.plan->steps[i];
    most_arguments = std::max({most_arguments, step.inputs.size(), step.outputs.size()});
    for (const uint32_t number : step.subplans)
      children_[i].frames.push_back(std::make_unique<Frame>(*plan.subplans[number], resources));
    if (step.kind == StepKind::loop) children_[i].loop = std::make_unique<LoopState>(*this, uint32_t(i));
  }
  for (size_t b = 0; b < buffers_.size(); ++b)
    if (plan.buffers[b].source == Source::weight) {
      buffers_[b].base = plan.buffers[b].base;
      buffers_[b].bytes = *plan.plan->buffers[b].bytes.as_int();
    }
  input_pointers_.resize(most_arguments);
  output_pointers_.resize(most_arguments);
}

Frame::~Frame() = default;

void Frame::bind_input(uint32_t binding, const Argument& argument) {
  BoundValue& value = bound_[binding];
  if (!value.is_bound ||
      !std::equal(value.dims.begin(), value.dims.end(), argument.dims.begin(), argument.dims.end())) {
    value.dims.assign(argument.dims.begin(), argument.dims.end());
    is_prepared_ = false;
  }
  value.is_bound = true;
  value.data = argument.data;
  value.on_device = argument.on_device;
  BufferState& state = buffers_[plan_.view(plan_.plan->binding_views[binding]).buffer];
  state.base = argument.on_device ? nullptr : argument.data;
  state.has_tensor = argument.tensor != nullptr;
  if (state.has_tensor) state.tensor = *argument.tensor;
}

void Frame::bind_output(uint32_t binding, const Argument& argument) {
  BoundValue& value = bound_[binding];
  value.is_bound = argument.data != nullptr || argument.tensor != nullptr;
  value.data = argument.data;
  value.on_device = argument.on_device;
  value.dims.assign(argument.dims.begin(), argument.dims.end());
  if (argument.tensor != nullptr) value.tensor = *argument.tensor;
}

bool Frame::has_own_output(uint32_t binding) const {
  const Buffer& b = plan_.buffer_of(plan_.plan->binding_views[binding]);
  return b.place == Place::binding && b.index == binding && !bound_[binding].is_bound;
}

std::span<const int64_t> Frame::dims_of(uint32_t view) {
  dims_scratch_.clear();
  for (const uint32_t d : plan_.dims.view_dims(view)) dims_scratch_.push_back(values_[d]);
  return dims_scratch_;
}

bool Frame::knows_dims(uint32_t binding) const {
  return plan_.view_level[plan_.plan->binding_views[binding]] == 0;
}

std::span<const int64_t> Frame::output_dims(uint32_t binding) {
  return dims_of(plan_.plan->binding_views[binding]);
}

/// The address of a view's first byte; null when it has none.
Result<void*> Frame::address_of(uint32_t number) const {
  const View& view = plan_.view(number);
  const BufferState& state = buffers_[view.buffer];
  const int64_t offset = values_[plan_.dims.view_offset(number)];
  if (plan_.buffers[view.buffer].source == Source::made) {
    // Only now is it known how large the value is.
    if (!state.has_tensor)
      return Status::error(Code::internal, fmt::format("view {} is of a value that was not made", number));
    if (offset < 0 || offset > state.bytes || extents_[number] > state.bytes - offset)
      return Status::error(Code::invalid_argument,
                           fmt::format("view {} of type {} takes {} bytes at {}, its value has {}", number,
                                       view.type.to_string(), extents_[number], offset, state.bytes));
  }
  return state.base == nullptr ? nullptr : static_cast<std::byte*>(state.base) + offset;
}

Result<Argument> Frame::argument_of(uint32_t number) {
  RK_TRY(void* const data, address_of(number));
  const BufferState& state = buffers_[plan_.view(number).buffer];
  return Argument{data, dims_of(number), state.has_tensor ? &state.tensor : nullptr};
}

Result<Argument> Frame::output(uint32_t binding) { return argument_of(plan_.plan->binding_views[binding]); }

/// A view as an object. The object shares memory where somebody owns it, and borrows it where the frame does
/// not know who does.
Result<Tensor> Frame::tensor_of(uint32_t number) {
  const View& view = plan_.view(number);
  BufferState& state = buffers_[view.buffer];
  const auto span = dims_of(number);
  Dims dims(span.begin(), span.end());
  if (state.has_tensor && state.tensor.dtype() == view.type.dtype && state.tensor.count() == count_of(dims) &&
      values_[plan_.dims.view_offset(number)] == 0)
    return state.tensor.reshaped(std::move(dims));
  if (view.type.dtype == DType::string)
    return Status::error(Code::internal, fmt::format("view {} is of strings that are not there", number));
  RK_TRY(void* const data, address_of(number));
  if (data == nullptr)
    return Tensor::make(view.type.dtype, std::move(dims));  // nothing was allocated for no elements
  return Tensor::view(view.type.dtype, std::move(dims), data, nullptr);
}

Result<Tensor> Frame::output_tensor(uint32_t binding, const std::shared_ptr<const void>& keep_alive) {
  const uint32_t number = plan_.plan->binding_views[binding];
  if (bound_[binding].is_bound && bound_[binding].tensor.count() > 0 &&
      plan_.view(number).type.dtype != DType::string) {
    const Tensor& bound = bound_[binding].tensor;
    if (bound.has_data() && bound.raw() == bound_[binding].data) return bound;
  }
  RK_TRY(Tensor tensor, tensor_of(number));
  const Buffer& buffer = plan_.buffer_of(number);
  std::shared_ptr<const void> owner;
  switch (plan_.buffers[plan_.view(number).buffer].source) {
    case Source::arena:
      owner = arenas_[buffer.device].memory;
      break;
    case Source::weight:
      owner = keep_alive;
      break;
    case Source::own:
      owner = own_[plan_.view(number).buffer].memory;
      break;
    case Source::bound:
      if (!bound_[buffer.index].is_bound) owner = own_[plan_.view(number).buffer].memory;
      break;
    case Source::made:
      break;  // tensor_of() shares it
  }
  if (owner == nullptr || !tensor.has_data()) return tensor;
  return Tensor::view(tensor.dtype(), tensor.dims(), tensor.raw(), owner);
}

int64_t Frame::arena_bytes() const {
  int64_t bytes = 0;
  for (const LevelState& level : levels_)
    if (level.active != nullptr)
      for (const int64_t b : level.active->arena_bytes) bytes += b;
  for (const Children& children : children_)
    for (const auto& frame : children.frames) bytes += frame->arena_bytes();
  return bytes;
}

}  // namespace rekindle
