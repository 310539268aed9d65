// The part of validate() that looks at memory: buffers inside their sections, views inside their buffers, and
// an arena in which nothing alive overlaps. SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <queue>

#include "plan/arena.h"
#include "plan/validation.h"

namespace rekindle {

namespace {

constexpr int64_t kMostBytes = int64_t(1) << 47;  // what one address space can hold

/// Sizes to try for a symbol: the profile's, or small ones where it says nothing.
std::array<int64_t, 3> sample_sizes(const std::string& symbol, const Profile& profile) {
  const auto found = profile.find(symbol);
  if (found == profile.end()) return {0, 1, 64};
  const Range& r = found->second;
  return {r.min, r.opt, r.max == INT64_MAX ? std::max<int64_t>(r.opt, 64) : r.max};
}

}  // namespace

Status PlanValidation::check_dims_exist() const {
  const auto exists = [](const Dim& d) { return !d.is_unknown(); };
  for (size_t i = 0; i < plan_.buffers.size(); ++i)
    if (!exists(plan_.buffers[i].bytes))
      return bad_plan("buffer {} has no size: {}", i, plan_.buffers[i].bytes.to_string());
  for (size_t i = 0; i < plan_.views.size(); ++i) {
    const View& v = plan_.views[i];
    if (v.type.rank() > kMostRank)
      return bad_plan("view {} has rank {}, expected at most {}", i, v.type.rank(), kMostRank);
    if (!exists(v.offset) || !std::all_of(v.type.shape.begin(), v.type.shape.end(), exists) ||
        !std::all_of(v.strides.begin(), v.strides.end(), exists))
      return bad_plan("view {} has a dim that nothing defines: {}", i, v.type.to_string());
  }
  for (size_t i = 0; i < plan_.steps.size(); ++i) {
    const Step& s = plan_.steps[i];
    if (!std::all_of(s.grid.begin(), s.grid.end(), exists) ||
        !std::all_of(s.scalars.begin(), s.scalars.end(), exists))
      return bad_plan("step {} has a grid or scalar that nothing defines", i);
  }
  return {};
}

Status PlanValidation::check_buffers() const {
  std::set<uint64_t> bound;
  for (size_t i = 0; i < plan_.buffers.size(); ++i) {
    const Buffer& b = plan_.buffers[i];
    const Status status = check_buffer(b);
    if (!status.ok()) return bad_plan("buffer {} {}", i, status.message());
    if (b.place == Place::binding && !bound.insert(b.index).second)
      return bad_plan("buffer {} is binding {}, as another one is", i, b.index);
  }
  return {};
}

Status PlanValidation::check_buffer(const Buffer& b) const {
  if (b.device >= plan_.devices.size())
    return bad_plan("is on device {}, the plan has {}", b.device, plan_.devices.size());
  const std::optional<int64_t> bytes = b.bytes.as_int();
  if (bytes && (*bytes < 0 || *bytes > kMostBytes))
    return bad_plan("has {} bytes, expected 0 to {}", *bytes, kMostBytes);
  switch (b.place) {
    case Place::binding:
      if (b.index >= plan_.bindings.size())
        return bad_plan("is binding {}, the plan has {}", b.index, plan_.bindings.size());
      if (const Dim expected = contiguous_bytes(plan_.bindings[b.index].type); !(b.bytes == expected))
        return bad_plan("has {} bytes but its binding {} has {}", b.bytes.to_string(),
                        quoted(plan_.bindings[b.index].name), expected.to_string());
      return {};
    case Place::weight:
      if (!bytes) return bad_plan("is a weight of {} bytes, expected a number", b.bytes.to_string());
      if (b.index % kArenaAlignment != 0)
        return bad_plan("is a weight at {}, expected a multiple of {}", b.index, kArenaAlignment);
      if (uint64_t(*bytes) > scope_.weight_bytes || b.index > scope_.weight_bytes - uint64_t(*bytes))
        return bad_plan("is a weight at {} of {} bytes, the weight section has {}", b.index, *bytes,
                        scope_.weight_bytes);
      return {};
    case Place::arena:
      if (b.first_step > b.last_step || b.last_step >= plan_.steps.size())
        return bad_plan("lives from step {} to {}, the plan has {} steps", b.first_step, b.last_step,
                        plan_.steps.size());
      return {};
    case Place::value:
      return {};
  }
  return {};
}

void PlanValidation::take_samples() {
  const std::vector<std::string>& symbols = dims_.program.symbols();
  for (size_t sample = 0; sample < samples_.size(); ++sample) {
    std::vector<int64_t> sizes;
    for (const std::string& s : symbols) sizes.push_back(sample_sizes(s, scope_.profile)[sample]);
    samples_[sample] = dims_.program.initial_values();
    has_value_[sample].assign(dims_.program.size(), true);
    for (uint32_t number = 0; number < dims_.program.size(); ++number)
      has_value_[sample][number] = !dims_.program.evaluate(std::span(&number, 1), sizes, samples_[sample]);
    is_excluded_[sample] = makes_negative_dim(sample);
  }
}

/// A window that is larger than the least input, say: the model itself excludes such sizes, and so will the
/// runtime.
bool PlanValidation::makes_negative_dim(size_t sample) const {
  for (uint32_t i = 0; i < plan_.views.size(); ++i) {
    const auto numbers = dims_.view_dims(i);
    for (size_t axis = 0; axis < numbers.size(); ++axis)
      if (plan_.views[i].type.shape[axis].is_symbolic() && has_value_[sample][numbers[axis]] &&
          samples_[sample][numbers[axis]] < 0)
        return true;
  }
  return false;
}

Status PlanValidation::check_views() {
  for (uint32_t i = 0; i < plan_.views.size(); ++i) {
    Status status = check_view(plan_.views[i]);
    for (size_t sample = 0; status.ok() && sample < samples_.size(); ++sample)
      status = check_view_fits(i, sample);
    if (!status.ok()) return bad_plan("view {} {}", i, status.message());
  }
  return {};
}

Status PlanValidation::check_view(const View& v) const {
  if (v.buffer >= plan_.buffers.size())
    return bad_plan("is of buffer {}, the plan has {}", v.buffer, plan_.buffers.size());
  if (!v.strides.empty() && v.strides.size() != v.type.shape.size())
    return bad_plan("has {} strides and rank {}", v.strides.size(), v.type.rank());
  if (v.type.dtype != DType::string) return {};
  // Strings are objects, not bytes: they exist only where a whole tensor does.
  const Place place = buffer_of(v).place;
  if ((place != Place::binding && place != Place::value) || !v.strides.empty() || !v.offset.is(0))
    return bad_plan("is of strings, which only whole bindings and values hold");
  return {};
}

/// Where a dim of the view has no value there is nothing to check, nor at sizes that the model excludes; the
/// runtime looks at every shape it meets in the same way.
Status PlanValidation::check_view_fits(uint32_t number, size_t sample) const {
  if (is_excluded_[sample]) return {};
  const View& view = plan_.views[number];
  const std::vector<int64_t>& values = samples_[sample];
  const auto missing = [&](uint32_t dim) { return !has_value_[sample][dim]; };
  const auto dims = dims_.view_dims(number), strides = dims_.view_strides(number);
  const uint32_t bytes = dims_.buffer_bytes(view.buffer), at = dims_.view_offset(number);
  if (std::any_of(dims.begin(), dims.end(), missing) ||
      std::any_of(strides.begin(), strides.end(), missing) || missing(bytes) || missing(at))
    return {};
  ViewExtent extent;
  if (const char* why = extent.measure(view.type.dtype, dims, strides, values)) return bad_plan("{}", why);
  const int64_t offset = values[at];
  if (offset < 0 || offset > kMostBytes) return bad_plan("begins at {}, expected 0 or more", offset);
  // A view of nothing (some dim is 0) touches nothing, wherever it begins.
  if (buffer_of(view).place != Place::value && extent.bytes > 0 && offset + extent.bytes > values[bytes])
    return bad_plan("takes {} bytes at {}, its buffer {} has {}", extent.bytes, offset, view.buffer,
                    values[bytes]);
  return {};
}

Status PlanValidation::check_arena() const {
  if (!has_static_arena(plan_)) return {};  // planned when the shapes are known
  for (uint16_t device = 0; device < plan_.devices.size(); ++device) RK_CHECK(check_arena_overlap(device));
  return {};
}

/// Walks the buffers in the order of their births and keeps the living ones by offset, so each meets only its
/// neighbours.
Status PlanValidation::check_arena_overlap(uint16_t device) const {
  std::vector<uint32_t> order;
  for (uint32_t i = 0; i < plan_.buffers.size(); ++i) {
    const Buffer& b = plan_.buffers[i];
    if (b.place != Place::arena || b.device != device) continue;
    if (b.offset % kArenaAlignment != 0 || b.offset > uint64_t(kMostBytes))
      return bad_plan("buffer {} is at {} of the arena, expected a multiple of {}", i, b.offset,
                      kArenaAlignment);
    if (*b.bytes.as_int() > 0) order.push_back(i);
  }
  const auto& buffers = plan_.buffers;
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return buffers[a].first_step != buffers[b].first_step ? buffers[a].first_step < buffers[b].first_step
                                                          : a < b;
  });
  const auto ends_later = [&](uint32_t a, uint32_t b) { return buffers[a].last_step > buffers[b].last_step; };
  std::priority_queue<uint32_t, std::vector<uint32_t>, decltype(ends_later)> alive(ends_later);
  std::map<uint64_t, uint32_t> by_offset;
  const auto end_of = [&](uint32_t b) { return buffers[b].offset + uint64_t(*buffers[b].bytes.as_int()); };
  for (const uint32_t now : order) {
    for (; !alive.empty() && buffers[alive.top()].last_step < buffers[now].first_step; alive.pop())
      by_offset.erase(buffers[alive.top()].offset);
    const auto behind = by_offset.lower_bound(buffers[now].offset);
    const bool meets_next = behind != by_offset.end() && behind->first < end_of(now);
    if (meets_next ||
        (behind != by_offset.begin() && end_of(std::prev(behind)->second) > buffers[now].offset))
      return bad_plan("buffers {} and {} overlap in the arena while both are alive",
                      meets_next ? behind->second : std::prev(behind)->second, now);
    by_offset.emplace(buffers[now].offset, now);
    alive.push(now);
  }
  return {};
}

}  // namespace rekindle
