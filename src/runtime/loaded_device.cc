// What loading finds out about a device with memory of its own: which of its buffers mirror bindings, which
// copies must be waited for, and which steps can be replayed as one.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "runtime/loaded_plan.h"

namespace rekindle {

namespace {

bool is_whole(const Plan& plan, const View& view) {
  return view.strides.empty() && view.offset.is(0) &&
         plan.buffers[view.buffer].bytes == contiguous_bytes(view.type);
}

}  // namespace

void LoadedPlan::find_accelerator() {
  needs_host_copy.assign(plan->bindings.size(), false);
  for (size_t d = 0; d < devices.size() && !has_accelerator; ++d)
    if (!devices[d]->is_host()) has_accelerator = true, accelerator = uint16_t(d);
  if (!has_accelerator) return;
  for (const Step& s : plan->steps)
    has_host_steps = has_host_steps || (s.kind != StepKind::copy && devices[s.device]->is_host());
  find_mirrors();
  find_copies_to_wait_for();
  find_segments();
}

void LoadedPlan::find_mirrors() {
  std::vector<uint32_t> writes(buffers.size(), 0), last_write(buffers.size(), 0);
  for (uint32_t i = 0; i < steps.size(); ++i)
    for (const uint32_t v : plan->steps[i].outputs)
      if (v != kNone) ++writes[view(v).buffer], last_write[view(v).buffer] = i;
  std::vector<bool> is_mirror(buffers.size(), false);
  for (uint32_t i = 0; i < steps.size(); ++i) {
    const Step& s = plan->steps[i];
    if (s.kind != StepKind::copy) continue;
    const View &from = view(s.inputs[0]), &to = view(s.outputs[0]);
    const bool is_input = plan->buffers[from.buffer].place == Place::binding;
    const uint32_t outer = is_input ? from.buffer : to.buffer, inner = is_input ? to.buffer : from.buffer;
    const Buffer& binding = plan->buffers[outer];
    if (binding.place != Place::binding || plan->bindings[binding.index].is_input != is_input ||
        plan->buffers[inner].device != accelerator || buffers[inner].source != Source::arena ||
        is_mirror[inner] || from.type != to.type || !is_whole(*plan, from) || !is_whole(*plan, to))
      continue;
    // An input's mirror holds nothing else; an output's is not written again after the copy.
    if (is_input ? writes[inner] != 1 : writes[outer] != 1 || last_write[inner] > i) continue;
    is_mirror[inner] = true;
    steps[i].is_mirror = true;
    mirrors.push_back({uint32_t(binding.index), inner, is_input});
  }
  for (uint32_t i = 0; i < steps.size(); ++i)
    for (const auto* list : {&plan->steps[i].inputs, &plan->steps[i].outputs})
      for (const uint32_t v : *list)
        if (v != kNone && !steps[i].is_mirror && buffer_of(v).place == Place::binding)
          needs_host_copy[buffer_of(v).index] = true;
  for (uint32_t b = 0; b < plan->bindings.size(); ++b) {
    const Buffer& buffer = buffer_of(plan->binding_views[b]);
    if (buffer.place != Place::binding || buffer.index != b) {  // a value that stands elsewhere
      needs_host_copy[b] = true;
      if (buffer.place == Place::binding) needs_host_copy[buffer.index] = true;
    }
  }
}

void LoadedPlan::find_copies_to_wait_for() {
  std::vector<uint32_t> last_use(buffers.size(), 0);
  for (uint32_t i = 0; i < steps.size(); ++i)
    for (const auto* list : {&plan->steps[i].inputs, &plan->steps[i].outputs})
      for (const uint32_t v : *list)
        if (v != kNone) last_use[view(v).buffer] = i;
  for (uint32_t i = 0; i < steps.size(); ++i) {
    const Step& s = plan->steps[i];
    if (s.kind != StepKind::copy) continue;
    const uint32_t to = view(s.outputs[0]).buffer;
    steps[i].waits = plan->buffers[to].place != Place::binding || last_use[to] > i;
  }
}

void LoadedPlan::find_segments() {
  const auto is_recorded = [&](uint32_t i) {
    const Step& s = plan->steps[i];
    return s.kind == StepKind::kernel && !devices[s.device]->is_host() && steps[i].level == 0 &&
           !steps[i].makes_outputs;
  };
  // Mirrored inputs are copied before the first step, so their copies do not end a segment.
  const auto is_passed_over = [&](uint32_t i) {
    return steps[i].is_mirror && buffer_of(plan->steps[i].inputs[0]).place == Place::binding;
  };
  for (uint32_t i = 0; i < steps.size();) {
    if (!is_recorded(i)) {
      ++i;
      continue;
    }
    LoadedSegment segment{plan->steps[i].device, i, i + 1};
    for (uint32_t k = i + 1; k < steps.size(); ++k) {
      if (is_passed_over(k)) continue;
      if (!is_recorded(k) || plan->steps[k].device != segment.device) break;
      segment.end = k + 1;
    }
    if (segment.end - segment.begin > 1) {
      steps[i].segment = uint32_t(segments.size());
      segments.push_back(segment);
    }
    i = segment.end;
  }
}

}  // namespace rekindle
