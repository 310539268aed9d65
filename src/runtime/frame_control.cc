// Branches and loops: a frame that runs other frames.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "runtime/loop_state.h"

namespace rekindle {

void Frame::pass_symbols(Frame& child) const {
  for (size_t i = 0; i < child.plan_.inherited.size(); ++i)
    child.inherit(i, symbols_[child.plan_.inherited[i].first]);
}

Status Frame::bind_child(Frame& child, uint32_t binding, uint32_t view) {
  RK_TRY(const Argument argument, argument_of(view));
  child.bind_input(binding, argument);
  return {};
}

Status Frame::run_branch(uint32_t index) {
  const Step& step = plan_.plan->steps[index];
  RK_TRY(const bool condition, condition_of(step.inputs[0]));
  Frame& child = *children_[index].frames[condition ? 0 : 1];
  pass_symbols(child);
  for (uint32_t i = 1; i < step.inputs.size(); ++i) RK_CHECK(bind_child(child, i - 1, step.inputs[i]));
  bool all_in_place = true;
  const auto first_output = uint32_t(step.inputs.size() - 1);
  for (uint32_t i = 0; i < step.outputs.size(); ++i) {
    const uint32_t v = step.outputs[i];
    const bool in_place = plan_.buffers[plan_.view(v).buffer].source != Source::made &&
                          plan_.view(v).type.dtype != DType::string;
    all_in_place = all_in_place && in_place;
    RK_TRY(void* const target, in_place ? address_of(v) : Result<void*>(nullptr));
    child.bind_output(first_output + i,
                      target == nullptr ? Argument{} : Argument{target, dims_of(v), nullptr});
  }
  RK_CHECK(child.run());
  if (all_in_place) return {};
  Tensors outputs;
  for (uint32_t i = 0; i < step.outputs.size(); ++i) {
    RK_TRY(Tensor output, child.output_tensor(first_output + i, nullptr));
    outputs.push_back(std::move(output));
  }
  return take_outputs(index, outputs);
}

Status Frame::run_loop(uint32_t index) { return children_[index].loop->run(); }

// ---- LoopState

LoopState::LoopState(Frame& outer, uint32_t step) : outer_(outer), step_(step) {
  const Plan& body = outer.plan_.plan->subplans[this->step().subplans[0]];
  iteration_dims_.assign(body.bindings[0].type.shape.size(), 1);
  condition_dims_.assign(body.bindings[1].type.shape.size(), 1);
  carried_.resize(size_t(*this->step().scalars[0].as_int()));
  scans_.resize(this->step().outputs.size() - carried_.size());
}

Status LoopState::run() {
  RK_CHECK(begin());
  for (iteration_ = 0; iteration_ < trip_count_ && condition_ != 0; ++iteration_) {
    Status status = run_body();
    if (!status.ok()) return std::move(status).note(fmt::format("in iteration {} of the loop", iteration_));
  }
  return finish();
}

Status LoopState::begin() {
  const Step& s = step();
  trip_count_ = INT64_MAX, condition_ = 1;
  if (s.inputs[0] != kNone) {
    RK_TRY(const void* const count, outer_.address_of(s.inputs[0]));
    std::memcpy(&trip_count_, count, sizeof trip_count_);
  }
  if (s.inputs[1] != kNone) {
    RK_TRY(const bool condition, outer_.condition_of(s.inputs[1]));
    condition_ = condition ? 1 : 0;
  }
  RK_CHECK(check_trip_count());
  for (size_t k = 0; k < carried_.size(); ++k) {
    RK_TRY(const Argument initial, outer_.argument_of(s.inputs[2 + k]));
    Carried& c = carried_[k];
    c.data = initial.data;
    c.dims.assign(initial.dims.begin(), initial.dims.end());
    c.has_tensor = initial.tensor != nullptr;
    c.tensor = c.has_tensor ? *initial.tensor : Tensor();
  }
  for (Scan& scan : scans_) scan.used = 0, scan.each.clear();
  outer_.pass_symbols(body());
  for (size_t i = 2 + carried_.size(); i < s.inputs.size(); ++i)
    RK_CHECK(outer_.bind_child(body(), uint32_t(i), s.inputs[i]));
  return {};
}

/// Without a condition the trip count alone ends the loop, so one that is too large is known at once.
Status LoopState::check_trip_count() const {
  if (step().inputs[1] != kNone || trip_count_ <= outer_.resources_.iterations_left) return {};
  const std::string count = step().inputs[0] == kNone ? "none" : std::to_string(trip_count_);
  return Status::error(Code::invalid_argument,
                       fmt::format("the trip count of the loop is {}, expected at most {}", count,
                                   outer_.resources_.iterations_left));
}

Status LoopState::run_body() {
  if (outer_.resources_.iterations_left-- <= 0) {
    outer_.resources_.iterations_left = 0;
    return Status::error(Code::invalid_argument,
                         "the loops of this run have more iterations than are allowed");
  }
  Frame& frame = body();
  frame.bind_input(0, {&iteration_, iteration_dims_, nullptr});
  frame.bind_input(1, {&condition_, condition_dims_, nullptr});
  for (uint32_t k = 0; k < carried_.size(); ++k) frame.bind_input(2 + k, carried_[k].argument());
  RK_CHECK(frame.run());
  const auto first_output = uint32_t(step().inputs.size());
  RK_TRY(const Argument condition, frame.output(first_output));
  const uint8_t next = condition.data != nullptr && *static_cast<const uint8_t*>(condition.data) != 0 ? 1 : 0;
  RK_CHECK(take_scans());
  RK_CHECK(take_carried());
  if (step().inputs[1] != kNone) condition_ = next;  // ONNX: without a condition the body's is not looked at
  return {};
}

/// Appends this iteration's part of each scan output.
Status LoopState::take_scans() {
  const auto first = uint32_t(step().inputs.size() + 1 + carried_.size());
  for (uint32_t k = 0; k < scans_.size(); ++k) {
    Scan& scan = scans_[k];
    RK_TRY(const Argument part, body().output(first + k));
    if (iteration_ == 0) scan.each.assign(part.dims.begin(), part.dims.end());
    if (!std::equal(part.dims.begin(), part.dims.end(), scan.each.begin(), scan.each.end()))
      return Status::error(
          Code::invalid_argument,
          fmt::format("scan output {} has shape {}, in the first iteration it had {}", k,
                      to_string(Dims(part.dims.begin(), part.dims.end())), to_string(scan.each)));
    const DType dtype = outer_.plan_.view(step().outputs[carried_.size() + k]).type.dtype;
    const int64_t bytes = bytes_for(dtype, count_of(scan.each));
    RK_CHECK(scan.bytes.append_room(outer_.plan_.device(step().device), scan.used, bytes));
    if (bytes > 0)
      std::memcpy(static_cast<std::byte*>(scan.bytes.data()) + scan.used, part.data, size_t(bytes));
    scan.used += bytes;
  }
  return {};
}

/// The body's outputs become the next iteration's inputs. All are taken before any is replaced: the body may
/// hand one of its inputs through, in another place.
Status LoopState::take_carried() {
  for (size_t k = 0; k < carried_.size(); ++k) RK_CHECK(take_one(k, carried_[k]));
  for (Carried& c : carried_) {
    std::swap(c.current, c.spare);
    if (!c.has_tensor) c.data = c.current.data();
  }
  return {};
}

Status LoopState::take_one(size_t k, Carried& c) {
  const auto binding = uint32_t(step().inputs.size() + 1 + k);
  RK_TRY(const Argument out, body().output(binding));
  c.dims.assign(out.dims.begin(), out.dims.end());
  const DType dtype = body().plan_.plan->bindings[binding].type.dtype;
  c.has_tensor = dtype == DType::string;
  if (c.has_tensor) {
    RK_TRY(c.tensor, body().output_tensor(binding, nullptr));
    return {};
  }
  if (body().has_own_output(binding)) {
    std::swap(c.spare, body().own_output(binding));
    return {};
  }
  const int64_t bytes = bytes_for(dtype, count_of(c.dims));
  RK_CHECK(c.spare.grow(outer_.plan_.device(step().device), bytes));
  if (bytes > 0) std::memcpy(c.spare.data(), out.data, size_t(bytes));
  return {};
}

Dims LoopState::scan_dims(uint32_t view, const Scan& scan) const {
  Dims dims{iteration_};
  if (iteration_ > 0) {
    dims.insert(dims.end(), scan.each.begin(), scan.each.end());
    return dims;
  }
  // Nothing was stacked, so only sizes that are known without the body can be told.
  const auto numbers = outer_.plan_.dims.view_dims(view);
  const auto& definitions = outer_.plan_.steps[step_].definitions;
  for (size_t axis = 1; axis < numbers.size(); ++axis) {
    const auto slots = outer_.plan_.dims.program.slots_of(numbers[axis]);
    const bool is_defined_here =
        std::any_of(definitions.begin(), definitions.end(), [&](const LoadedDefinition& d) {
          return std::find(slots.begin(), slots.end(), d.slot) != slots.end();
        });
    dims.push_back(is_defined_here ? 0 : outer_.values_[numbers[axis]]);
  }
  return dims;
}

Status LoopState::finish() {
  const Step& s = step();
  Tensors outputs;
  const auto add = [&](uint32_t view, const Dims& dims, void* data,
                       const std::shared_ptr<void>& owner) -> Status {
    const DType dtype = outer_.plan_.view(view).type.dtype;
    RK_CHECK(checked_count(dims).status());
    RK_TRY(Tensor tensor,
           data == nullptr ? Tensor::make(dtype, dims) : Tensor::view(dtype, dims, data, owner));
    outputs.push_back(std::move(tensor));
    return {};
  };
  for (size_t k = 0; k < carried_.size(); ++k) {
    Carried& c = carried_[k];
    if (c.has_tensor && c.tensor.count() == count_of(c.dims))
      outputs.push_back(c.tensor.reshaped(c.dims));
    else
      RK_CHECK(add(s.outputs[k], c.dims, c.data, iteration_ > 0 ? c.current.memory : nullptr));
  }
  for (size_t k = 0; k < scans_.size(); ++k) {
    const uint32_t view = s.outputs[carried_.size() + k];
    const bool is_empty = scans_[k].used == 0;
    RK_CHECK(add(view, scan_dims(view, scans_[k]), is_empty ? nullptr : scans_[k].bytes.data(),
                 scans_[k].bytes.memory));
  }
  return outer_.take_outputs(step_, outputs);
}

}  // namespace rekindle
