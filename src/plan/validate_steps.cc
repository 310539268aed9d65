// The part of validate() that walks the steps in order: indices, arity, what is read was written, symbols are
// defined before they are used. SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "plan/validation.h"

namespace rekindle {

Status PlanValidation::check_steps() {
  writer_.assign(plan_.buffers.size(), kNone);
  subplan_user_.assign(plan_.subplans.size(), kNone);
  for (uint32_t i = 0; i < plan_.steps.size(); ++i) {
    const Step& s = plan_.steps[i];
    Status status = check_step(i);
    if (status.ok()) continue;
    std::string where = fmt::format("step {}{}", i, s.label.empty() ? "" : " (" + quoted(s.label) + ")");
    if (!s.origin.empty()) where += " from " + quoted(s.origin);
    return Status::error(status.code(), fmt::format("step {} {}", i, status.message())).note("in " + where);
  }
  return {};
}

Status PlanValidation::check_step(uint32_t index) {
  const Step& s = plan_.steps[index];
  if (s.device >= plan_.devices.size())
    return bad_plan("runs on device {}, the plan has {}", s.device, plan_.devices.size());
  if (s.stream != 0)
    return Status::error(Code::unsupported,
                         fmt::format("runs on stream {}, this version has one stream", s.stream));
  RK_CHECK(check_arguments(s, index));
  switch (s.kind) {
    case StepKind::kernel:
      RK_CHECK(check_kernel_step(s));
      break;
    case StepKind::copy:
      RK_CHECK(check_copy_step(s));
      break;
    case StepKind::branch:
      RK_CHECK(check_branch_step(s, index));
      break;
    case StepKind::loop:
      RK_CHECK(check_loop_step(s, index));
      break;
  }
  return check_defines(s, index);
}

Status PlanValidation::check_arguments(const Step& s, uint32_t index) {
  for (const uint32_t view : s.inputs) {
    if (view == kNone) continue;
    if (view >= plan_.views.size())
      return bad_plan("reads view {}, the plan has {}", view, plan_.views.size());
    RK_CHECK(check_reads(plan_.views[view], view, index));
  }
  RK_CHECK(check_symbols_known(s, index));
  for (const uint32_t view : s.outputs) {
    if (view == kNone) continue;
    if (view >= plan_.views.size())
      return bad_plan("writes view {}, the plan has {}", view, plan_.views.size());
    RK_CHECK(check_writes(plan_.views[view], view, index));
  }
  return {};
}

Status PlanValidation::check_reads(const View& view, uint32_t number, uint32_t index) const {
  const Buffer& b = buffer_of(view);
  if (b.place == Place::weight || is_input(b)) return {};
  if (b.place == Place::arena && (index < b.first_step || index > b.last_step))
    return bad_plan("reads view {} of buffer {}, which lives from step {} to {}", number, view.buffer,
                    b.first_step, b.last_step);
  if (writer_[view.buffer] >= index)  // kNone is the largest number
    return bad_plan("reads view {} of buffer {}, which no step before it writes", number, view.buffer);
  return {};
}

Status PlanValidation::check_writes(const View& view, uint32_t number, uint32_t index) {
  const Buffer& b = buffer_of(view);
  if (b.place == Place::weight) return bad_plan("writes view {}, which is a weight", number);
  if (is_input(b))
    return bad_plan("writes view {}, which is input {}", number, quoted(plan_.bindings[b.index].name));
  if (b.place == Place::arena && (index < b.first_step || index > b.last_step))
    return bad_plan("writes view {} of buffer {}, which lives from step {} to {}", number, view.buffer,
                    b.first_step, b.last_step);
  if (b.place == Place::value) RK_CHECK(check_makes(view, number, index));
  if (writer_[view.buffer] == kNone) writer_[view.buffer] = index;
  return {};
}

/// A value is either made whole by one branch, loop or kernel that knows its size only then, or written,
/// perhaps in parts, by kernels that wait until a step before them has defined its size.
Status PlanValidation::check_makes(const View& view, uint32_t number, uint32_t index) const {
  const auto makes_it = [&](const Step& s) {
    const bool is_control = s.kind == StepKind::branch || s.kind == StepKind::loop;
    return is_control || std::any_of(s.defines.begin(), s.defines.end(), [&](const SymbolDefinition& d) {
             return d.output < s.outputs.size() && s.outputs[d.output] == number;
           });
  };
  const uint32_t writer = writer_[view.buffer];
  const bool is_made = makes_it(plan_.steps[index]);
  if (writer != kNone && (is_made || makes_it(plan_.steps[writer])))
    return bad_plan("writes view {} of buffer {}, a value that step {} makes", number, view.buffer, writer);
  if (is_made && (!view.offset.is(0) || !view.strides.empty()))
    return bad_plan("makes a value through view {}, which is not the whole of it", number);
  return {};
}

/// The step after which every symbol of the view has a value.
int64_t PlanValidation::known_after(const View& view) const {
  int64_t last = kBeforeAll;
  const auto look = [&](uint32_t dim) {
    for (const uint32_t slot : dims_.program.slots_of(dim)) last = std::max(last, known_after_[slot]);
  };
  const auto number = uint32_t(&view - plan_.views.data());
  for (const uint32_t d : dims_.view_dims(number)) look(d);
  for (const uint32_t d : dims_.view_strides(number)) look(d);
  look(dims_.view_offset(number));
  if (buffer_of(view).place != Place::value) look(dims_.buffer_bytes(view.buffer));
  return last;
}

bool PlanValidation::defines(const Step& s, uint32_t slot) const {
  return std::any_of(s.defines.begin(), s.defines.end(),
                     [&](const SymbolDefinition& d) { return d.symbol == dims_.program.symbols()[slot]; });
}

Status PlanValidation::check_symbols_known(const Step& s, uint32_t index) const {
  for (const uint32_t view : s.inputs)
    if (view != kNone && known_after(plan_.views[view]) >= index)
      return bad_plan("reads view {} of type {}, whose symbols nothing before it defines", view,
                      plan_.views[view].type.to_string());
  for (const auto numbers : {dims_.grid(index), dims_.scalars(index)})
    for (const uint32_t d : numbers)
      for (const uint32_t slot : dims_.program.slots_of(d))
        if (known_after_[slot] >= index)
          return bad_plan("has the number {}, whose symbols nothing before it defines",
                          dims_.program.dim(d).to_string());
  for (const uint32_t view : s.outputs) {
    if (view == kNone || view >= plan_.views.size()) continue;
    for (const uint32_t d : dims_.view_dims(view))
      for (const uint32_t slot : dims_.program.slots_of(d)) {
        if (known_after_[slot] < index) continue;
        const std::string symbol = quoted(dims_.program.symbols()[slot]);
        if (!defines(s, slot))
          return bad_plan("writes view {}, whose symbol {} nothing defines", view, symbol);
        if (buffer_of(plan_.views[view]).place != Place::value)
          return bad_plan(
              "writes view {}, whose symbol {} it defines itself, into memory that is not a value", view,
              symbol);
      }
  }
  return {};
}

Status PlanValidation::check_defines(const Step& s, uint32_t index) {
  for (const SymbolDefinition& d : s.defines) {
    if (d.output >= s.outputs.size() || s.outputs[d.output] == kNone)
      return bad_plan("defines {} by its output {}, it has {}", quoted(d.symbol), d.output, s.outputs.size());
    const View& view = plan_.views[s.outputs[d.output]];
    if (d.axis >= view.type.shape.size())
      return bad_plan("defines {} by axis {} of an output of rank {}", quoted(d.symbol), d.axis,
                      view.type.rank());
    if (view.type.shape[d.axis].as_symbol() != d.symbol)
      return bad_plan("defines {} by a dim that is {}", quoted(d.symbol),
                      view.type.shape[d.axis].to_string());
    int64_t& known = known_after_[*dims_.program.find_slot(d.symbol)];
    if (known != kNever) return bad_plan("defines {}, which has a value already", quoted(d.symbol));
    known = index;
  }
  for (const uint32_t view : s.outputs)
    if (view != kNone && known_after(plan_.views[view]) > int64_t(index))
      return bad_plan("writes view {} of type {}, whose symbols it does not all define", view,
                      plan_.views[view].type.to_string());
  return {};
}

Status PlanValidation::check_kernel_step(const Step& s) const {
  if (s.kernel >= plan_.kernels.size())
    return bad_plan("launches kernel {}, the plan has {}", s.kernel, plan_.kernels.size());
  if (!s.subplans.empty()) return bad_plan("launches a kernel and names sub-plans");
  for (const auto* views : {&s.inputs, &s.outputs})
    for (const uint32_t view : *views)
      if (view != kNone && buffer_of(plan_.views[view]).device != s.device)
        return bad_plan("runs on device {}, its view {} is on device {}", s.device, view,
                        buffer_of(plan_.views[view]).device);
  return {};
}

Status PlanValidation::check_copy_step(const Step& s) const {
  if (s.inputs.size() != 1 || s.outputs.size() != 1 || s.inputs[0] == kNone || s.outputs[0] == kNone)
    return bad_plan("is a copy of {} views to {}, expected one to one", s.inputs.size(), s.outputs.size());
  const View &from = plan_.views[s.inputs[0]], &to = plan_.views[s.outputs[0]];
  if (!(from.type == to.type))
    return bad_plan("copies {} to {}, expected one type", from.type.to_string(), to.type.to_string());
  if (!from.strides.empty() || !to.strides.empty()) return bad_plan("copies a view that has strides");
  if (from.type.dtype == DType::string) return bad_plan("copies strings");
  if (!s.subplans.empty() || !s.defines.empty())
    return bad_plan("is a copy and has sub-plans or defines symbols");
  return {};
}

}  // namespace rekindle
