// Loading a plan: everything that can be done once for all contexts and shapes.
// SPDX-License-Identifier: Apache-2.0
#include "runtime/loaded_plan.h"

#include <fmt/format.h>

#include <algorithm>

namespace rekindle {

Result<std::unique_ptr<LoadedPlan>> LoadedPlan::load(const Plan& plan, LoadEnvironment& environment) {
  return load(plan, environment, nullptr, 0);
}

Result<std::unique_ptr<LoadedPlan>> LoadedPlan::load(const Plan& plan, LoadEnvironment& environment,
                                                     const LoadedPlan* outer, uint32_t outer_step) {
  auto loaded = std::make_unique<LoadedPlan>();
  loaded->plan = &plan;
  loaded->devices = environment.devices;
  loaded->dims = PlanDims(plan);
  loaded->steps.resize(plan.steps.size());
  loaded->input_count = size_t(
      std::count_if(plan.bindings.begin(), plan.bindings.end(), [](const Binding& b) { return b.is_input; }));
  loaded->number_symbols(outer, outer_step);
  RK_CHECK(loaded->load_kernels(environment));
  RK_CHECK(loaded->find_sources(environment));
  loaded->sort_into_levels();
  RK_CHECK(loaded->check_places());
  loaded->find_releases();
  loaded->find_accelerator();
  loaded->subplans.resize(plan.subplans.size());
  for (uint32_t i = 0; i < plan.steps.size(); ++i)
    for (const uint32_t number : plan.steps[i].subplans) {
      RK_TRY(loaded->subplans[number], load(plan.subplans[number], environment, loaded.get(), i));
    }
  return loaded;
}

std::string LoadedPlan::describe(uint32_t step) const {
  const Step& s = plan->steps[step];
  std::string text = fmt::format("step {}", step);
  if (!s.label.empty()) text += " (" + s.label + ")";
  if (!s.origin.empty()) text += " from " + s.origin;
  return text;
}

/// Finds when each symbol gets its value, and what that may be.
void LoadedPlan::number_symbols(const LoadedPlan* outer, uint32_t outer_step) {
  const std::vector<std::string>& symbols = dims.program.symbols();
  slot_range.assign(symbols.size(), Range{0, 0, INT64_MAX});
  slot_level_.assign(symbols.size(), 0);
  slot_definer_.assign(symbols.size(), kNone);
  uint32_t level = 0;
  for (uint32_t i = 0; i < steps.size(); ++i) {
    if (plan->steps[i].defines.empty()) continue;
    steps[i].enters = ++level;
    for (const SymbolDefinition& d : plan->steps[i].defines) {
      const uint32_t slot = *dims.program.find_slot(d.symbol);
      steps[i].definitions.push_back({slot, d.output, d.axis});
      slot_level_[slot] = level, slot_definer_[slot] = i;
    }
  }
  levels.resize(level + 1);
  for (uint32_t s = 0; outer != nullptr && s < symbols.size(); ++s) {
    const auto outer_slot = outer->dims.program.find_slot(symbols[s]);
    if (!outer_slot || slot_definer_[s] != kNone) continue;
    const uint32_t definer = outer->slot_definer_[*outer_slot];
    if (definer != kNone && definer >= outer_step)
      continue;  // another symbol of this name, which has no value yet
    inherited.emplace_back(*outer_slot, s);
    slot_range[s] = outer->slot_range[*outer_slot];
  }
  for (const SymbolRange& r : plan->profile)
    if (const auto slot = dims.program.find_slot(r.symbol)) slot_range[*slot] = r.range;
}

Status LoadedPlan::load_kernels(LoadEnvironment& environment) {
  for (uint32_t i = 0; i < steps.size(); ++i) {
    const Step& s = plan->steps[i];
    if (s.kind != StepKind::kernel) continue;
    const KernelImage& image = plan->kernels[s.kernel];
    auto& kernel = environment.kernels[{s.device, to_bytes(image)}];
    if (kernel == nullptr) {
      const auto code = environment.code.subspan(image.code_offset, image.code_size);
      auto loaded = device(s.device).load(image, code);
      if (!loaded.ok())
        return loaded.status().note("while loading kernel " + image.name).note("in " + describe(i));
      kernel = *std::move(loaded);
    }
    steps[i].kernel = kernel.get();
    steps[i].makes_outputs = kernel->makes_outputs();
    owned_.push_back(kernel);
    Status status = check_maker(i);
    if (!status.ok()) return std::move(status).note("in " + describe(i));
  }
  return {};
}

/// What only the loaded kernel tells: whether it makes its outputs, which the host alone can do.
Status LoadedPlan::check_maker(uint32_t step) const {
  const Step& s = plan->steps[step];
  const std::string& name = plan->kernels[s.kernel].name;
  const bool makes = steps[step].makes_outputs;
  if (makes && !device(s.device).is_host())
    return Status::error(Code::data_loss,
                         fmt::format("kernel {} makes its outputs on {}, which is not the host", name,
                                     device(s.device).name()));
  if (!makes && !s.defines.empty())
    return Status::error(Code::data_loss,
                         fmt::format("kernel {} does not make its outputs, so it cannot define {}", name,
                                     s.defines[0].symbol));
  for (const auto* list : {&s.inputs, &s.outputs})
    for (const uint32_t v : *list) {
      if (v == kNone) continue;
      if (makes && !view(v).strides.empty())
        return Status::error(Code::data_loss,
                             fmt::format("kernel {} works on whole tensors, view {} has strides", name, v));
      if (!makes && view(v).type.dtype == DType::string)
        return Status::error(Code::data_loss,
                             fmt::format("kernel {} works on memory, view {} is of strings", name, v));
    }
  return {};
}

Status LoadedPlan::find_sources(LoadEnvironment& environment) {
  buffers.resize(plan->buffers.size());
  for (size_t i = 0; i < buffers.size(); ++i) {
    const Buffer& b = plan->buffers[i];
    for (const uint32_t slot : dims.program.slots_of(dims.buffer_bytes(uint32_t(i))))
      buffers[i].level = std::max(buffers[i].level, slot_level_[slot]);
    switch (b.place) {
      case Place::binding:
        buffers[i].source = Source::bound;
        break;
      case Place::arena:
        buffers[i].source = buffers[i].level == 0 ? Source::arena : Source::own;
        break;
      case Place::value:
        buffers[i].source = Source::own;
        break;
      case Place::weight:
        buffers[i].source = Source::weight;
        RK_TRY(buffers[i].base, weight_on(b.device, b, environment));
        break;
    }
  }
  std::vector<uint32_t> writers(buffers.size(), 0);
  for (size_t i = 0; i < steps.size(); ++i) {
    const Step& s = plan->steps[i];
    const bool makes = steps[i].makes_outputs || s.kind == StepKind::branch || s.kind == StepKind::loop;
    for (const uint32_t v : s.outputs) {
      if (v == kNone || buffer_of(v).place != Place::value) continue;
      const uint32_t buffer = view(v).buffer;
      if (makes && !view(v).offset.is(0))
        return Status::error(Code::data_loss, "a kernel makes a part of a value")
            .note("in " + describe(uint32_t(i)));
      if (makes) buffers[buffer].source = Source::made;
      if (++writers[buffer] > 1 && buffers[buffer].source == Source::made)
        return Status::error(Code::data_loss, fmt::format("buffer {} is made by more than one step", buffer))
            .note("in " + describe(uint32_t(i)));
    }
  }
  return {};
}

Result<void*> LoadedPlan::weight_on(uint16_t number, const Buffer& buffer, LoadEnvironment& environment) {
  const int64_t bytes = *buffer.bytes.as_int();
  const std::byte* host = environment.weights.data() + buffer.index;
  // Kernels read through the same pointers as they write; validate() has made sure that no step writes a
  // weight.
  if (device(number).is_host()) return const_cast<void*>(static_cast<const void*>(host));
  auto& memory = environment.uploaded[{number, buffer.index, bytes}];
  if (memory == nullptr) {
    RK_TRY(memory, device(number).allocate(bytes));
    RK_TRY(const std::unique_ptr<Stream> stream, device(number).create_stream());
    RK_CHECK(device(number).copy_in(*stream, memory.get(), host, bytes));
    RK_CHECK(stream->synchronize());
  }
  owned_.push_back(memory);
  return memory.get();
}

void LoadedPlan::sort_into_levels() {
  std::vector<uint32_t> dim_level(dims.program.size(), 0);
  for (uint32_t d = 0; d < dim_level.size(); ++d) {
    const auto slots = dims.program.slots_of(d);
    for (const uint32_t s : slots) dim_level[d] = std::max(dim_level[d], slot_level_[s]);
    if (slots.empty()) continue;  // a constant stands in the values from the start
    LoadedLevel& level = levels[dim_level[d]];
    level.dims.push_back(d);
    level.slots.insert(level.slots.end(), slots.begin(), slots.end());
  }
  for (LoadedLevel& level : levels) {
    std::sort(level.slots.begin(), level.slots.end());
    level.slots.erase(std::unique(level.slots.begin(), level.slots.end()), level.slots.end());
  }
  for (uint32_t b = 0; b < buffers.size(); ++b) levels[buffers[b].level].buffers.push_back(b);
  const auto latest = [&](std::span<const uint32_t> numbers, uint32_t level) {
    for (const uint32_t d : numbers) level = std::max(level, dim_level[d]);
    return level;
  };
  for (uint32_t v = 0; v < plan->views.size(); ++v) {
    const uint32_t offset = dims.view_offset(v), buffer = plan->views[v].buffer;
    const uint32_t own = buffers[buffer].source == Source::made ? 0 : buffers[buffer].level;
    view_level.push_back(
        latest(dims.view_dims(v), latest(dims.view_strides(v), latest(std::span(&offset, 1), own))));
    levels[view_level.back()].views.push_back(v);
  }
  for (uint32_t i = 0; i < steps.size(); ++i) {
    LoadedStep& s = steps[i];
    s.level = latest(dims.grid(i), latest(dims.scalars(i), 0));
    for (const auto* list : {&plan->steps[i].inputs, &plan->steps[i].outputs})
      for (const uint32_t v : *list)
        if (v != kNone && !(s.makes_outputs && list == &plan->steps[i].outputs))
          s.level = std::max(s.level, view_level[v]);
    if (plan->steps[i].kind == StepKind::kernel && !s.makes_outputs) levels[s.level].steps.push_back(i);
  }
}

/// What callers bind and read, and what the runtime itself looks at, must be host memory.
Status LoadedPlan::check_places() const {
  for (size_t i = 0; i < plan->bindings.size(); ++i) {
    const Device& d = device(buffer_of(plan->binding_views[i]).device);
    if (!d.is_host())
      return Status::error(Code::data_loss, fmt::format("binding {} is on {}, expected a host device",
                                                        plan->bindings[i].name, d.name()));
  }
  for (uint32_t i = 0; i < steps.size(); ++i) {
    const Step& s = plan->steps[i];
    if (s.kind == StepKind::kernel) continue;
    bool on_host = true;
    const bool is_copy = s.kind == StepKind::copy;
    for (const auto* list : {&s.inputs, &s.outputs})
      for (const uint32_t v : *list)
        on_host = on_host && (v == kNone || device(buffer_of(v).device).is_host());
    if (is_copy && !device(buffer_of(s.inputs[0]).device).is_host() &&
        !device(buffer_of(s.outputs[0]).device).is_host())
      return Status::error(Code::unsupported, "a copy between two devices that are not the host")
          .note("in " + describe(i));
    if (!is_copy && !on_host)
      return Status::error(Code::unsupported, "a branch or loop over values that are not on the host")
          .note("in " + describe(i));
  }
  return {};
}

void LoadedPlan::find_releases() {
  std::vector<uint32_t> last_use(buffers.size(), kNone);
  for (uint32_t i = 0; i < steps.size(); ++i)
    for (const auto* list : {&plan->steps[i].inputs, &plan->steps[i].outputs})
      for (const uint32_t v : *list)
        if (v != kNone) last_use[view(v).buffer] = i;
  for (const uint32_t v : plan->binding_views) last_use[view(v).buffer] = kNone;
  for (uint32_t b = 0; b < buffers.size(); ++b)
    if (buffers[b].source == Source::made && last_use[b] != kNone) steps[last_use[b]].releases.push_back(b);
}

}  // namespace rekindle
