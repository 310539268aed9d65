// The part of validate() about branches and loops: what is passed to a sub-plan fits it, and the sub-plan
// itself is valid. SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "plan/validation.h"

namespace rekindle {

/// A condition or trip count: one element, where the host can read it.
Status PlanValidation::check_one_value(uint32_t view, DType dtype, std::string_view what) const {
  const TensorType& type = plan_.views[view].type;
  const bool is_one = std::all_of(type.shape.begin(), type.shape.end(), [](const Dim& d) { return d.is(1); });
  if (type.dtype != dtype || !is_one)
    return bad_plan("has the {} {}, expected one {}", what, type.to_string(), to_string(dtype));
  return {};
}

/// One value on its way into or out of a sub-plan. Sizes are compared when they are known; rank and dtype
/// now.
Status PlanValidation::check_passed(uint32_t view, const Plan& body, size_t binding,
                                    std::string_view what) const {
  const Binding& b = body.bindings[binding];
  if (view == kNone) return bad_plan("leaves out the {} {}", what, quoted(b.name));
  const View& v = plan_.views[view];
  if (v.type.dtype != b.type.dtype || v.type.rank() != b.type.rank())
    return bad_plan("passes {} for the {} {}, which is {}", v.type.to_string(), what, quoted(b.name),
                    b.type.to_string());
  if (!v.strides.empty()) return bad_plan("passes a view with strides for the {} {}", what, quoted(b.name));
  const View& inner = body.views[body.binding_views[binding]];
  if (buffer_of(v).device != body.buffers[inner.buffer].device)
    return bad_plan("passes the {} {} from one device to another", what, quoted(b.name));
  return {};
}

/// Validates the sub-plan and its number of bindings.
Status PlanValidation::check_subplan(uint32_t number, uint32_t step, size_t inputs, size_t outputs) {
  if (number >= plan_.subplans.size())
    return bad_plan("runs sub-plan {}, the plan has {}", number, plan_.subplans.size());
  if (subplan_user_[number] != kNone)
    return bad_plan("runs sub-plan {}, which step {} runs already", number, subplan_user_[number]);
  subplan_user_[number] = step;
  const Plan& body = plan_.subplans[number];
  ValidationScope scope;
  scope.weight_bytes = scope_.weight_bytes, scope.code_bytes = scope_.code_bytes;
  scope.outer = &plan_;
  scope.profile = scope_.profile;
  scope.depth = scope_.depth + 1;
  scope.inherited = scope_.inherited;
  for (size_t s = 0; s < known_after_.size(); ++s)
    if (known_after_[s] < int64_t(step)) scope.inherited.insert(dims_.program.symbols()[s]);
  const Status status = PlanValidation(body, std::move(scope)).run();
  if (!status.ok())
    return Status::error(status.code(), fmt::format("runs sub-plan {}: {}", number, status.message()));
  const size_t body_inputs = size_t(
      std::count_if(body.bindings.begin(), body.bindings.end(), [](const Binding& b) { return b.is_input; }));
  if (body_inputs != inputs || body.bindings.size() - body_inputs != outputs)
    return bad_plan("runs sub-plan {}, which has {} inputs and {} outputs, expected {} and {}", number,
                    body_inputs, body.bindings.size() - body_inputs, inputs, outputs);
  return {};
}

Status PlanValidation::check_branch_step(const Step& s, uint32_t index) {
  if (s.inputs.empty() || s.inputs[0] == kNone) return bad_plan("is a branch without a condition");
  if (s.subplans.size() != 2) return bad_plan("is a branch with {} sub-plans, expected 2", s.subplans.size());
  RK_CHECK(check_one_value(s.inputs[0], DType::boolean, "condition"));
  for (const uint32_t number : s.subplans) {
    RK_CHECK(check_subplan(number, index, s.inputs.size() - 1, s.outputs.size()));
    const Plan& body = plan_.subplans[number];
    for (size_t i = 1; i < s.inputs.size(); ++i) RK_CHECK(check_passed(s.inputs[i], body, i - 1, "input"));
    for (size_t i = 0; i < s.outputs.size(); ++i)
      RK_CHECK(check_passed(s.outputs[i], body, s.inputs.size() - 1 + i, "output"));
  }
  return {};
}

Status PlanValidation::check_loop_step(const Step& s, uint32_t index) {
  if (s.inputs.size() < 2) return bad_plan("is a loop with {} inputs, expected at least 2", s.inputs.size());
  if (s.subplans.size() != 1) return bad_plan("is a loop with {} sub-plans, expected 1", s.subplans.size());
  const int64_t carried = s.scalars.size() == 1 ? s.scalars[0].as_int().value_or(-1) : -1;
  if (carried < 0 || size_t(carried) > std::min(s.inputs.size() - 2, s.outputs.size()))
    return bad_plan("is a loop whose scalars do not give its number of carried values");
  if (s.inputs[0] != kNone) RK_CHECK(check_one_value(s.inputs[0], DType::i64, "trip count"));
  if (s.inputs[1] != kNone) RK_CHECK(check_one_value(s.inputs[1], DType::boolean, "condition"));
  const size_t inputs = s.inputs.size();
  RK_CHECK(check_subplan(s.subplans[0], index, inputs, s.outputs.size() + 1));
  const Plan& body = plan_.subplans[s.subplans[0]];
  for (const auto& [binding, dtype] :
       {std::pair<size_t, DType>{0, DType::i64}, {1, DType::boolean}, {inputs, DType::boolean}}) {
    const TensorType& type = body.bindings[binding].type;
    if (type.dtype != dtype ||
        !std::all_of(type.shape.begin(), type.shape.end(), [](const Dim& d) { return d.is(1); }))
      return bad_plan("runs a loop body whose {} is {}, expected one {}", quoted(body.bindings[binding].name),
                      type.to_string(), to_string(dtype));
  }
  for (size_t i = 2; i < inputs; ++i) RK_CHECK(check_passed(s.inputs[i], body, i, "input"));
  for (size_t i = 0; i < size_t(carried); ++i) {
    RK_CHECK(check_passed(s.outputs[i], body, inputs + 1 + i, "carried value"));
    const TensorType &in = body.bindings[2 + i].type, &out = body.bindings[inputs + 1 + i].type;
    if (in.dtype != out.dtype || in.rank() != out.rank())
      return bad_plan("carries {} but its body gives back {}", in.to_string(), out.to_string());
  }
  for (size_t i = size_t(carried); i < s.outputs.size(); ++i) {
    if (s.outputs[i] == kNone) return bad_plan("leaves out its output {}", i);
    const View& v = plan_.views[s.outputs[i]];
    const TensorType& each = body.bindings[inputs + 1 + i].type;
    if (v.type.dtype != each.dtype || v.type.rank() != each.rank() + 1 || !v.strides.empty() ||
        v.type.dtype == DType::string || bits_of(v.type.dtype) % 8 != 0)
      return bad_plan("stacks {} into {}, expected one more dim and whole bytes", each.to_string(),
                      v.type.to_string());
  }
  return {};
}

}  // namespace rekindle
