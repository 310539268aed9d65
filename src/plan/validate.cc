// validate(): what a plan says about itself, its bindings and kernels; memory and steps are in the files
// beside this one. SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "plan/validation.h"

namespace rekindle {

namespace {

constexpr size_t kMostDevices = 16;
constexpr int kDeepestPlan = 16;

/// Later slices win: an inner profile may narrow what the outer one says.
void merge_profile(Profile& into, const std::vector<SymbolRange>& profile) {
  for (const SymbolRange& r : profile) into[r.symbol] = r.range;
}

}  // namespace

std::string quoted(std::string_view name) {
  constexpr size_t kMost = 80;
  std::string text = "\"";
  for (const char c : name.substr(0, kMost)) text += uint8_t(c) < 0x20 || c == '"' || c == 0x7f ? '?' : c;
  return text + (name.size() > kMost ? "...\"" : "\"");
}

Status validate(const Plan& plan, uint64_t weight_bytes, uint64_t code_bytes) {
  ValidationScope scope;
  scope.weight_bytes = weight_bytes;
  scope.code_bytes = code_bytes;
  return PlanValidation(plan, std::move(scope)).run();
}

Status PlanValidation::run() {
  if (scope_.depth >= kDeepestPlan) return bad_plan("sub-plans are nested deeper than {}", kDeepestPlan);
  if (plan_.steps.size() >= kNone || plan_.views.size() >= kNone || plan_.buffers.size() >= kNone)
    return bad_plan("the plan has too many steps, views or buffers to be numbered");
  RK_CHECK(check_devices());
  RK_CHECK(check_profile());
  RK_CHECK(check_bindings());
  RK_CHECK(check_kernels());
  RK_CHECK(check_buffers());
  RK_CHECK(check_dims_exist());
  dims_ = PlanDims(plan_);
  RK_CHECK(dims_.error);
  RK_CHECK(check_input_symbols());
  take_samples();
  RK_CHECK(check_views());
  RK_CHECK(check_binding_views());
  RK_CHECK(check_arena());
  RK_CHECK(check_steps());
  return check_outputs();
}

Status PlanValidation::check_devices() const {
  if (plan_.devices.empty() || plan_.devices.size() > kMostDevices)
    return bad_plan("the plan names {} devices, expected 1 to {}", plan_.devices.size(), kMostDevices);
  for (size_t i = 0; i < plan_.devices.size(); ++i) {
    if (plan_.devices[i].empty()) return bad_plan("device {} has no name", i);
    for (size_t j = 0; j < i; ++j)
      if (plan_.devices[i] == plan_.devices[j])
        return bad_plan("device {} is named twice", quoted(plan_.devices[i]));
  }
  if (scope_.outer == nullptr) return {};
  if (plan_.devices != scope_.outer->devices)
    return bad_plan("a sub-plan has other devices than its outer plan");
  if (plan_.isa > scope_.outer->isa)
    return bad_plan("a sub-plan needs {}, its outer plan only {}", enum_name(plan_.isa),
                    enum_name(scope_.outer->isa));
  return {};
}

Status PlanValidation::check_profile() {
  for (size_t i = 0; i < plan_.profile.size(); ++i) {
    const auto& [symbol, range] = plan_.profile[i];
    if (i > 0 && !(plan_.profile[i - 1].symbol < symbol))
      return bad_plan("the profile is not sorted at symbol {}", quoted(symbol));
    if (range.min < 0 || range.min > range.opt || range.opt > range.max)
      return bad_plan("the profile of symbol {} is {} to {}, usually {}, expected 0 <= min <= opt <= max",
                      quoted(symbol), range.min, range.max, range.opt);
  }
  merge_profile(scope_.profile, plan_.profile);
  return {};
}

Status PlanValidation::check_bindings() {
  std::set<std::string_view> names;
  bool outputs_began = false;
  for (const Binding& b : plan_.bindings) {
    if (!names.insert(b.name).second) return bad_plan("two bindings are named {}", quoted(b.name));
    if (b.is_input && outputs_began) return bad_plan("input {} stands behind an output", quoted(b.name));
    outputs_began |= !b.is_input;
    if (b.type.rank() > kMostRank)
      return bad_plan("binding {} has rank {}, expected at most {}", quoted(b.name), b.type.rank(),
                      kMostRank);
    for (const Dim& d : b.type.shape)
      if (d.is_unknown() || d.as_int().value_or(0) < 0)
        return bad_plan("binding {} has the dim {}", quoted(b.name), d.to_string());
  }
  if (plan_.binding_views.size() != plan_.bindings.size())
    return bad_plan("there are {} bindings but {} binding views", plan_.bindings.size(),
                    plan_.binding_views.size());
  return {};
}

/// Every symbol of an input must stand alone as a dim of some input: that is where its value comes from.
Status PlanValidation::check_input_symbols() {
  known_after_.assign(dims_.program.symbols().size(), kNever);
  for (size_t s = 0; s < known_after_.size(); ++s)
    if (scope_.inherited.contains(dims_.program.symbols()[s])) known_after_[s] = kBeforeAll;
  for (const Binding& b : plan_.bindings)
    for (const Dim& d : b.type.shape)
      if (const auto symbol = d.as_symbol(); symbol && b.is_input)
        known_after_[*dims_.program.find_slot(*symbol)] = kBeforeAll;
  for (const Binding& b : plan_.bindings) {
    if (!b.is_input) continue;
    std::set<std::string, std::less<>> symbols;
    for (const Dim& d : b.type.shape) d.collect_symbols(symbols);
    for (const std::string& s : symbols)
      if (known_after_[*dims_.program.find_slot(s)] != kBeforeAll)
        return bad_plan("symbol {} of input {} has no dim of its own in any input", quoted(s),
                        quoted(b.name));
  }
  return {};
}

Status PlanValidation::check_binding_views() const {
  for (size_t i = 0; i < plan_.bindings.size(); ++i) {
    const Binding& binding = plan_.bindings[i];
    if (plan_.binding_views[i] >= plan_.views.size())
      return bad_plan("binding {} names view {}, the plan has {}", quoted(binding.name),
                      plan_.binding_views[i], plan_.views.size());
    const View& view = plan_.views[plan_.binding_views[i]];
    if (!(view.type == binding.type))
      return bad_plan("binding {} is {} but its view is {}", quoted(binding.name), binding.type.to_string(),
                      view.type.to_string());
    if (!view.strides.empty()) return bad_plan("the view of binding {} has strides", quoted(binding.name));
    const Buffer& buffer = buffer_of(view);
    const bool own = buffer.place == Place::binding && buffer.index == i;
    if (binding.is_input && !(own && view.offset.is(0)))
      return bad_plan("the view of input {} is not its own memory from the start", quoted(binding.name));
    if (!binding.is_input && buffer.place == Place::binding && !own && !is_input(buffer))
      return bad_plan("the view of output {} is another output's memory", quoted(binding.name));
    if (own && !view.offset.is(0))
      return bad_plan("the view of output {} begins inside its memory", quoted(binding.name));
  }
  return {};
}

Status PlanValidation::check_kernels() const {
  for (size_t i = 0; i < plan_.kernels.size(); ++i) {
    const KernelImage& k = plan_.kernels[i];
    if (k.name.empty()) return bad_plan("kernel {} has no name", i);
    if (k.code_size > scope_.code_bytes || k.code_offset > scope_.code_bytes - k.code_size)
      return bad_plan("kernel {} ({}) has code at {} of {} bytes, the code section has {}", i, quoted(k.name),
                      k.code_offset, k.code_size, scope_.code_bytes);
  }
  return {};
}

/// What a caller is given must have been made, and must still be there after the last step.
Status PlanValidation::check_outputs() const {
  for (size_t i = 0; i < plan_.bindings.size(); ++i) {
    if (plan_.bindings[i].is_input) continue;
    const std::string name = quoted(plan_.bindings[i].name);
    const View& view = plan_.views[plan_.binding_views[i]];
    const Buffer& buffer = buffer_of(view);
    const bool is_made = buffer.place == Place::weight || is_input(buffer) || writer_[view.buffer] != kNone;
    if (!is_made) return bad_plan("no step writes output {}", name);
    if (buffer.place == Place::arena && size_t(buffer.last_step) + 1 != plan_.steps.size())
      return bad_plan("the memory of output {} is given up after step {}, expected after the last", name,
                      buffer.last_step);
    if (known_after(view) == kNever) return bad_plan("no step defines every symbol of output {}", name);
  }
  for (size_t i = 0; i < subplan_user_.size(); ++i)
    if (subplan_user_[i] == kNone) return bad_plan("no step uses sub-plan {}", i);
  return {};
}

}  // namespace rekindle
