// A context: what callers bind is checked here, with messages that name it; the work is the frame's.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/parallel.h"
#include "base/printable.h"
#include "runtime/engine_state.h"

namespace rekindle {

namespace {

/// The calling thread computes with the context's threads while this lives.
class ThreadScope {
 public:
  explicit ThreadScope(int count) : before_(threads()) { set_threads(count); }
  ~ThreadScope() { set_threads(before_); }
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int before_;
};

Status wrong(std::string text) { return Status::error(Code::invalid_argument, std::move(text)); }

Result<uint32_t> find_binding(const Plan& plan, std::string_view name) {
  std::string known;
  for (uint32_t i = 0; i < plan.bindings.size(); ++i) {
    if (plan.bindings[i].name == name) return i;
    if (i < 20) known += (known.empty() ? "" : ", ") + plan.bindings[i].name;
  }
  return Status::error(Code::not_found, fmt::format("no input or output is named \"{}\"; there are {}",
                                                    name.substr(0, 80), known));
}

/// What can be said about one shape alone; sizes that several share are compared when all are there.
Status check_shape(const LoadedPlan& loaded, uint32_t binding, DType dtype, const Dims& dims) {
  const Binding& b = loaded.plan->bindings[binding];
  const std::string_view kind = b.is_input ? "input" : "output";
  if (dtype != b.type.dtype || int(dims.size()) != b.type.rank())
    return wrong(fmt::format("{} {} is {}, expected {}", kind, printable(b.name),
                             TensorType{dtype, to_shape(dims)}.to_string(), b.type.to_string()));
  for (size_t axis = 0; axis < b.type.shape.size(); ++axis) {
    const Dim& dim = b.type.shape[axis];
    const int64_t size = dims[axis];
    if (size < 0) return wrong(fmt::format("dim {} of {} {} is {}", axis, kind, printable(b.name), size));
    if (dim.as_int() && *dim.as_int() != size)
      return wrong(fmt::format("{} {} has shape {}, expected {}: dim {} is {}, not {}", kind,
                               printable(b.name), to_string(dims), to_string(b.type.shape), axis, size,
                               *dim.as_int()));
    if (!dim.as_symbol() || !b.is_input) continue;
    const Range& range = loaded.slot_range[*loaded.dims.program.find_slot(*dim.as_symbol())];
    if (size < range.min || size > range.max)
      return wrong(fmt::format("dim {} of {} {} is {}, expected {} from {} to {}", axis, kind,
                               printable(b.name), size, *dim.as_symbol(), range.min, range.max));
  }
  return checked_count(dims).status();
}

Status check_tensor(const LoadedPlan& loaded, uint32_t binding, const Tensor& tensor) {
  RK_CHECK(check_shape(loaded, binding, tensor.dtype(), tensor.dims()));
  const Binding& b = loaded.plan->bindings[binding];
  if (tensor.dtype() != DType::string && !tensor.has_data() && tensor.count() > 0)
    return wrong(fmt::format("{} {} has no data", b.is_input ? "input" : "output", printable(b.name)));
  return {};
}

}  // namespace

Context::Context() : state_(std::make_unique<State>()) {}
Context::~Context() = default;

Status Context::bind(std::string_view name, Tensor tensor) {
  const LoadedPlan& loaded = *state_->engine->state_->plan;
  RK_TRY(const uint32_t binding, find_binding(*loaded.plan, name));
  RK_CHECK(check_tensor(loaded, binding, tensor));
  const Argument argument{tensor.raw(), tensor.dims(), &tensor};
  if (loaded.plan->bindings[binding].is_input)
    state_->frame->bind_input(binding, argument);
  else
    state_->frame->bind_output(binding, argument);
  return {};
}

Status Context::bind_device(std::string_view name, DType dtype, Dims dims, void* data,
                            std::shared_ptr<const void> owner) {
  constexpr uintptr_t kAlignment = 16;  // what kernels load at once
  const LoadedPlan& loaded = *state_->engine->state_->plan;
  RK_TRY(const uint32_t binding, find_binding(*loaded.plan, name));
  if (!loaded.has_accelerator)
    return wrong(fmt::format("{} is in memory of a GPU, the engine runs on the host", printable(name)));
  RK_CHECK(check_shape(loaded, binding, dtype, dims));
  RK_TRY(const int64_t count, checked_count(dims));
  if (data == nullptr && count > 0) return wrong(fmt::format("{} has no data", printable(name)));
  if (reinterpret_cast<uintptr_t>(data) % kAlignment != 0)
    return wrong(fmt::format("{} is at an address that is no multiple of {}", printable(name), kAlignment));
  const Argument argument{data, dims, nullptr, true};
  state_->owners.resize(loaded.plan->bindings.size());
  state_->owners[binding] = std::move(owner);
  if (loaded.plan->bindings[binding].is_input)
    state_->frame->bind_input(binding, argument);
  else
    state_->frame->bind_output(binding, argument);
  return {};
}

Result<Dims> Context::output_dims(std::string_view name) {
  const Plan& plan = state_->engine->plan();
  RK_TRY(const uint32_t binding, find_binding(plan, name));
  if (plan.bindings[binding].is_input) return wrong(fmt::format("{} is an input, expected an output", name));
  Frame& frame = *state_->frame;
  if (!frame.is_prepared()) {
    const ThreadScope scope(state_->resources.threads);
    state_->has_outputs = false;
    RK_CHECK(frame.prepare());
  }
  if (!frame.knows_dims(binding))
    return Status::error(Code::unsupported,
                         fmt::format("the shape of output {}, {}, is known only after a run", name,
                                     to_string(plan.bindings[binding].type.shape)));
  const auto dims = frame.output_dims(binding);
  return Dims(dims.begin(), dims.end());
}

Status Context::run() {
  State& state = *state_;
  const ThreadScope scope(state.resources.threads);
  state.has_outputs = false;
  state.resources.iterations_left = state.options.most_iterations;
  RK_CHECK(state.frame->run(state.is_profiling ? std::span(state.times) : std::span<StepTime>()));
  state.has_outputs = true;
  return {};
}

Status Context::enqueue(void* stream) {
  State& state = *state_;
  const LoadedPlan& loaded = *state.engine->state_->plan;
  if (!loaded.has_accelerator)
    return Status::error(Code::unsupported, "the engine runs on the host, which has no streams");
  if (state.callers_stream == nullptr || state.callers_handle != stream) {
    RK_TRY(state.callers_stream, loaded.devices[loaded.accelerator]->wrap_stream(stream));
    state.callers_handle = stream;
  }
  const ThreadScope scope(state.resources.threads);
  state.has_outputs = false;
  state.resources.iterations_left = state.options.most_iterations;
  std::unique_ptr<Stream>& used = state.resources.streams[loaded.accelerator];
  std::swap(used, state.callers_stream);
  const Status status = state.frame->enqueue();
  std::swap(used, state.callers_stream);
  state.has_outputs = status.ok();
  return status;
}

Result<Tensor> Context::output(std::string_view name) const {
  const Plan& plan = state_->engine->plan();
  RK_TRY(const uint32_t binding, find_binding(plan, name));
  if (plan.bindings[binding].is_input) return wrong(fmt::format("{} is an input, expected an output", name));
  if (!state_->has_outputs)
    return wrong(fmt::format("output {} is asked for before a run with these shapes", name));
  if (state_->frame->is_on_device(binding))
    return wrong(fmt::format("output {} is in the memory of a GPU that was bound to it", name));
  return state_->frame->output_tensor(binding, state_->engine);
}

void Context::set_profiling(bool on) { state_->is_profiling = on; }
std::span<const StepTime> Context::step_times() const { return state_->times; }

int64_t Context::arena_bytes() const {
  int64_t bytes = state_->frame->arena_bytes();
  for (const Storage& workspace : state_->resources.workspaces) bytes += workspace.capacity;
  return bytes;
}

}  // namespace rekindle
