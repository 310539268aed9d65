// Replaying segments: the launches of neighbouring steps, recorded in the second run with the same shapes and
// then started with one call. When memory has moved, the launches that use it are given the new one.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "runtime/frame.h"

namespace rekindle {

namespace {

/// Comparing every pair of steps takes a while; longer segments are recorded in order.
constexpr size_t kMostCompared = 1000;

}  // namespace

Status Frame::find_pointers(uint32_t index) {
  const Step& step = plan_.plan->steps[index];
  for (size_t i = 0; i < step.inputs.size(); ++i) {
    input_pointers_[i] = nullptr;
    if (step.inputs[i] == kNone) continue;
    RK_TRY(input_pointers_[i], address_of(step.inputs[i]));
  }
  for (size_t i = 0; i < step.outputs.size(); ++i) {
    output_pointers_[i] = nullptr;
    if (step.outputs[i] == kNone) continue;
    RK_TRY(output_pointers_[i], address_of(step.outputs[i]));
  }
  return {};
}

Result<bool> Frame::replay_segment(uint32_t step) {
  const uint32_t number = plan_.steps[step].segment;
  const LoadedSegment& segment = plan_.segments[number];
  Prepared& prepared = *levels_[0].active;
  if (!prepared.has_run) return false;  // shapes that come once are not worth it
  prepared.recorded.resize(plan_.segments.size());
  Recorded& recorded = prepared.recorded[number];
  const void* const workspace = resources_.workspaces[segment.device].data();
  if (recorded.recording == nullptr) {
    if (recorded.placement != 0) return false;  // the device does not record
    Status status = record_segment(segment, recorded);
    if (!status.ok()) return std::move(status).note("while recording from " + plan_.describe(step));
    if (recorded.recording == nullptr) return false;
  } else if (recorded.placement != placement_ || recorded.workspace != workspace) {
    Status status = update_segment(segment, recorded);
    if (!status.ok()) return std::move(status).note("while changing the record from " + plan_.describe(step));
  }
  Status status = recorded.recording->replay(*resources_.streams[segment.device]);
  if (!status.ok())
    return std::move(status).note("in " + plan_.describe(step) + " to " + plan_.describe(segment.end - 1));
  return true;
}

std::vector<Frame::Touched> Frame::touched_by(uint32_t index, const void* workspace) const {
  std::vector<Touched> touched;
  const Step& step = plan_.plan->steps[index];
  for (const auto* list : {&step.inputs, &step.outputs})
    for (const uint32_t v : *list) {
      if (v == kNone || plan_.buffer_of(v).place == Place::weight) continue;
      const BufferState& state = buffers_[plan_.view(v).buffer];
      const void* const base = state.home != nullptr ? state.home : state.base;
      const auto begin = reinterpret_cast<uintptr_t>(base) + uintptr_t(values_[plan_.dims.view_offset(v)]);
      touched.push_back({begin, begin + uintptr_t(extents_[v]), list == &step.outputs});
    }
  if (const int64_t bytes = launch_[index]->workspace_bytes(); bytes > 0) {
    const auto begin = reinterpret_cast<uintptr_t>(workspace);
    touched.push_back({begin, begin + uintptr_t(bytes), true});
  }
  return touched;
}

Status Frame::record_segment(const LoadedSegment& segment, Recorded& recorded) {
  recorded.placement = placement_;
  RK_TRY(std::unique_ptr<Recording> recording, plan_.devices[segment.device]->record());
  if (recording == nullptr) return {};
  void* const workspace = resources_.workspaces[segment.device].data();
  std::vector<std::vector<Touched>> touched;
  std::vector<std::vector<bool>> before;  // for each step, the steps it comes after, directly or not
  std::vector<uint32_t> after;
  const auto conflict = [](const std::vector<Touched>& a, const std::vector<Touched>& b) {
    for (const Touched& x : a)
      for (const Touched& y : b)
        if ((x.is_written || y.is_written) && x.begin < y.end && y.begin < x.end) return true;
    return false;
  };
  recorded.steps.clear(), recorded.pointers.clear();
  for (uint32_t i = segment.begin; i < segment.end; ++i) {
    if (plan_.plan->steps[i].kind != StepKind::kernel || launch_[i] == nullptr) continue;
    const auto position = uint32_t(recorded.steps.size());
    after.clear();
    if (resources_.overlap && segment.end - segment.begin <= kMostCompared) {
      touched.push_back(touched_by(i, workspace));
      before.emplace_back(position, false);
      for (uint32_t k = position; k-- > 0;) {
        if (before[position][k] || !conflict(touched[k], touched[position])) continue;
        after.push_back(k);
        before[position][k] = true;
        for (uint32_t j = 0; j < k; ++j)
          if (before[k][j]) before[position][j] = true;
      }
    } else if (position > 0) {
      after.push_back(position - 1);
    }
    RK_CHECK(find_pointers(i));
    RK_CHECK(recording->add(*launch_[i], input_pointers_.data(), output_pointers_.data(), workspace, after));
    const Step& step = plan_.plan->steps[i];
    recorded.steps.push_back(i);
    recorded.pointers.insert(recorded.pointers.end(), input_pointers_.begin(),
                             input_pointers_.begin() + long(step.inputs.size()));
    recorded.pointers.insert(recorded.pointers.end(), output_pointers_.begin(),
                             output_pointers_.begin() + long(step.outputs.size()));
  }
  RK_CHECK(recording->finish());
  recorded.workspace = workspace;
  recorded.recording = std::move(recording);
  return {};
}

Status Frame::update_segment(const LoadedSegment& segment, Recorded& recorded) {
  void* const workspace = resources_.workspaces[segment.device].data();
  auto known = recorded.pointers.begin();
  for (uint32_t k = 0; k < recorded.steps.size(); ++k) {
    const uint32_t i = recorded.steps[k];
    const Step& step = plan_.plan->steps[i];
    RK_CHECK(find_pointers(i));
    bool has_moved = recorded.workspace != workspace && launch_[i]->workspace_bytes() > 0;
    const auto compare = [&](const void* now) {
      has_moved = has_moved || *known != now;
      *known++ = now;
    };
    for (size_t a = 0; a < step.inputs.size(); ++a) compare(input_pointers_[a]);
    for (size_t a = 0; a < step.outputs.size(); ++a) compare(output_pointers_[a]);
    if (has_moved)
      RK_CHECK(recorded.recording->replace(k, input_pointers_.data(), output_pointers_.data(), workspace));
  }
  recorded.workspace = workspace;
  recorded.placement = placement_;
  return {};
}

}  // namespace rekindle
