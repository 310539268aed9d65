// Running a frame's steps in order: kernels, kernels that make their outputs, copies.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/trace.h"
#include "runtime/frame.h"

namespace rekindle {

namespace {

using Clock = std::chrono::steady_clock;

Status wrong(Code code, std::string text) { return Status::error(code, std::move(text)); }

}  // namespace

Status Frame::run(std::span<StepTime> times) {
  RK_CHECK(start(true));
  RK_CHECK(run_steps(times));
  for (const auto& stream : resources_.streams) RK_CHECK(stream->synchronize());
  RK_CHECK(copy_to_bound_outputs());
  return plan_.has_accelerator ? finish_device_outputs() : Status();
}

Status Frame::enqueue() {
  if (!plan_.has_accelerator || plan_.has_host_steps) return run();
  RK_CHECK(start(false));
  RK_CHECK(run_steps({}));
  // What stands elsewhere is copied by the host, and so it must be there.
  bool is_done = true;
  for (uint32_t i = uint32_t(plan_.input_count); i < bound_.size(); ++i)
    is_done = is_done && !(bound_[i].is_bound && plan_.needs_host_copy[i]);
  if (is_done) return {};
  for (const auto& stream : resources_.streams) RK_CHECK(stream->synchronize());
  RK_CHECK(copy_to_bound_outputs());
  return finish_device_outputs();
}

/// Everything before the first step. `waits`: the run waits for its end, so the memory of inputs may be read
/// until then.
Status Frame::start(bool waits) {
  RK_CHECK(prepare());
  for (uint32_t i = uint32_t(plan_.input_count); i < bound_.size(); ++i) {
    const uint32_t buffer = plan_.view(plan_.plan->binding_views[i]).buffer;
    const bool is_own =
        plan_.plan->buffers[buffer].place == Place::binding && plan_.plan->buffers[buffer].index == i;
    if (is_own && plan_.buffers[buffer].level == 0) RK_CHECK(place_bound_output(buffer));
  }
  if (!plan_.has_accelerator) return {};
  RK_CHECK(place_mirrors());
  return copy_inputs(waits);
}

Status Frame::run_steps(std::span<StepTime> times) {
  for (uint32_t i = 0; i < plan_.steps.size(); ++i) {
    if (plan_.steps[i].segment != kNone && times.empty()) {
      RK_TRY(const bool is_done, replay_segment(i));
      if (is_done) {
        i = plan_.segments[plan_.steps[i].segment].end - 1;
        continue;
      }
    }
    const auto begin = times.empty() ? Clock::time_point() : Clock::now();
    {
      const trace::Scope scope([&] { return plan_.describe(i); }, "step");
      Status status = run_step(i);
      if (!status.ok()) return std::move(status).note("in " + plan_.describe(i));
    }
    for (const uint32_t b : plan_.steps[i].releases)
      buffers_[b].tensor = Tensor(), buffers_[b].has_tensor = false;
    if (times.empty()) continue;
    RK_CHECK(resources_.streams[plan_.plan->steps[i].device]->synchronize());
    times[i] = {i, std::chrono::duration<double, std::micro>(Clock::now() - begin).count()};
  }
  if (levels_[0].active != nullptr) levels_[0].active->has_run = true;
  return {};
}

Status Frame::run_step(uint32_t step) {
  switch (plan_.plan->steps[step].kind) {
    case StepKind::kernel:
      return plan_.steps[step].makes_outputs ? run_maker(step) : run_kernel(step);
    case StepKind::copy:
      return run_copy(step);
    case StepKind::branch:
      return run_branch(step);
    case StepKind::loop:
      return run_loop(step);
  }
  return {};
}

Status Frame::run_kernel(uint32_t index) {
  Launch* const launch = launch_[index];
  if (launch == nullptr) return {};
  const Step& step = plan_.plan->steps[index];
  RK_CHECK(find_pointers(index));
  return launch->run(*resources_.streams[step.device], input_pointers_.data(), output_pointers_.data(),
                     resources_.workspaces[step.device].data());
}

Status Frame::run_copy(uint32_t index) {
  const Step& step = plan_.plan->steps[index];
  const uint32_t from = step.inputs[0], to = step.outputs[0];
  if (plan_.steps[index].is_mirror) {
    const bool is_input = plan_.buffer_of(from).place == Place::binding;
    // Inputs were copied before the first step; memory of the device needs no copy.
    if (is_input || bound_[plan_.buffer_of(to).index].on_device) return {};
  }
  RK_TRY(void* const source, address_of(from));
  RK_TRY(void* const target, address_of(to));
  const int64_t bytes = std::min(extents_[from], extents_[to]);
  if (bytes == 0) return {};
  const uint16_t from_device = plan_.buffer_of(from).device, to_device = plan_.buffer_of(to).device;
  if (!plan_.devices[to_device]->is_host())
    return plan_.devices[to_device]->copy_in(*resources_.streams[to_device], target, source, bytes);
  if (plan_.devices[from_device]->is_host()) {
    std::memmove(target, source, size_t(bytes));
    return {};
  }
  RK_CHECK(plan_.devices[from_device]->copy_out(*resources_.streams[from_device], target, source, bytes));
  return plan_.steps[index].waits ? resources_.streams[from_device]->synchronize() : Status();
}

Result<bool> Frame::condition_of(uint32_t view) const {
  RK_TRY(const void* const data, address_of(view));
  if (data == nullptr) return wrong(Code::internal, "a condition without memory");
  return *static_cast<const uint8_t*>(data) != 0;
}

// ---- steps that make their outputs

Status Frame::run_maker(uint32_t index) {
  const Step& step = plan_.plan->steps[index];
  Tensors inputs;
  for (const uint32_t v : step.inputs) {
    if (v == kNone) {
      inputs.emplace_back();
      continue;
    }
    RK_TRY(Tensor input, tensor_of(v));
    inputs.push_back(std::move(input));
  }
  scalars_.clear();
  for (const uint32_t d : plan_.dims.scalars(index)) scalars_.push_back(values_[d]);
  RK_TRY(Tensors outputs, plan_.steps[index].kernel->make_outputs(inputs, scalars_));
  inputs.clear();
  return take_outputs(index, outputs);
}

Status Frame::take_outputs(uint32_t index, std::span<Tensor> outputs) {
  const Step& step = plan_.plan->steps[index];
  if (outputs.size() != step.outputs.size())
    return wrong(Code::internal,
                 fmt::format("the step made {} outputs, expected {}", outputs.size(), step.outputs.size()));
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (step.outputs[i] == kNone) continue;
    const TensorType& type = plan_.view(step.outputs[i]).type;
    const bool has_content = type.dtype == DType::string || outputs[i].has_data() || outputs[i].count() == 0;
    if (outputs[i].dtype() != type.dtype || outputs[i].rank() != type.rank() || !has_content)
      return wrong(Code::internal, fmt::format("output {} of the step is {}, expected {}", i,
                                               outputs[i].type().to_string(), type.to_string()));
  }
  RK_CHECK(define_symbols(index, outputs));
  if (plan_.steps[index].enters != 0) RK_CHECK(enter_level(plan_.steps[index].enters));
  for (size_t i = 0; i < outputs.size(); ++i)
    if (step.outputs[i] != kNone) RK_CHECK(place_output(index, step.outputs[i], outputs[i]));
  return {};
}

Status Frame::define_symbols(uint32_t index, std::span<const Tensor> outputs) {
  for (const LoadedDefinition& d : plan_.steps[index].definitions) {
    const int64_t size = outputs[d.output].dims()[d.axis];
    const Range& range = plan_.slot_range[d.slot];
    if (size < range.min || size > range.max)
      return wrong(Code::invalid_argument,
                   fmt::format("the step made {} = {}, expected {} to {}",
                               plan_.dims.program.symbols()[d.slot], size, range.min, range.max));
    symbols_[d.slot] = size;
  }
  return {};
}

Status Frame::place_output(uint32_t index, uint32_t number, Tensor& made) {
  const auto expected = dims_of(number);
  if (!std::equal(expected.begin(), expected.end(), made.dims().begin(), made.dims().end()))
    return wrong(Code::invalid_argument, fmt::format("the step made {}, expected {}", to_string(made.dims()),
                                                     to_string(Dims(expected.begin(), expected.end()))));
  const uint32_t buffer = plan_.view(number).buffer;
  BufferState& state = buffers_[buffer];
  const bool is_string = made.dtype() == DType::string;
  if (plan_.buffers[buffer].source == Source::made || is_string) {
    state.tensor = without_borrowed_memory(index, std::move(made));
    state.has_tensor = true;
    state.base = is_string ? nullptr : state.tensor.raw();
    state.bytes = is_string ? 0 : state.tensor.bytes();
    return {};
  }
  RK_TRY(void* const target, address_of(number));
  if (made.bytes() > 0 && target != made.raw()) std::memmove(target, made.raw(), size_t(made.bytes()));
  return {};
}

/// A kernel may return one of its inputs. Where that is memory that the frame will use for something else,
/// the value is copied.
Tensor Frame::without_borrowed_memory(uint32_t index, Tensor made) {
  if (made.dtype() == DType::string || !made.has_data()) return made;
  const auto begin = reinterpret_cast<uintptr_t>(made.raw());
  for (const uint32_t v : plan_.plan->steps[index].inputs) {
    if (v == kNone) continue;
    const uint32_t b = plan_.view(v).buffer;
    const auto base = reinterpret_cast<uintptr_t>(buffers_[b].base);
    const bool is_shared = plan_.buffers[b].source == Source::made;
    const int64_t bytes = plan_.buffers[b].source == Source::bound ? extents_[v] : buffers_[b].bytes;
    if (!is_shared && begin >= base && begin < base + uint64_t(bytes)) return made.clone();
  }
  return made;
}

/// Outputs whose values stand elsewhere (an input handed through, a weight, a value): copied into what the
/// caller bound.
Status Frame::copy_to_bound_outputs() {
  for (uint32_t i = uint32_t(plan_.input_count); i < bound_.size(); ++i) {
    if (!bound_[i].is_bound || bound_[i].on_device) continue;
    const uint32_t number = plan_.plan->binding_views[i];
    const Buffer& buffer = plan_.buffer_of(number);
    const bool is_string = plan_.view(number).type.dtype == DType::string;
    if (buffer.place == Place::binding && buffer.index == i && !is_string) continue;
    RK_TRY(const Argument value, output(i));
    if (!std::equal(value.dims.begin(), value.dims.end(), bound_[i].dims.begin(), bound_[i].dims.end()))
      return wrong(
          Code::invalid_argument,
          fmt::format("the memory bound to output {} has shape {}, expected {}", plan_.plan->bindings[i].name,
                      to_string(bound_[i].dims), to_string(Dims(value.dims.begin(), value.dims.end()))));
    if (is_string && value.tensor != nullptr) bound_[i].tensor.strings() = value.tensor->strings();
    if (!is_string && extents_[number] > 0)
      std::memmove(bound_[i].data, value.data, size_t(extents_[number]));
  }
  return {};
}

}  // namespace rekindle
