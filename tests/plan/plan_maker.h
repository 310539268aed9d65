// PlanMaker: plans for tests, spelled as the compiler would lay them out. Types are texts such as "f32[N,
// 4]". SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "plan/arena.h"
#include "plan/plan.h"

namespace rekindle::test {

inline TensorType type_of(const std::string& text) {
  Result<TensorType> type = parse_type(text);
  RK_ASSERT(type.ok(), text.c_str());
  return *std::move(type);
}

class PlanMaker {
 public:
  using Views = std::vector<uint32_t>;

  explicit PlanMaker(std::string device = "fake") {
    plan_.target = device;
    plan_.devices = {std::move(device)};
  }
  uint16_t device(std::string name) {
    plan_.devices.push_back(std::move(name));
    return uint16_t(plan_.devices.size() - 1);
  }
  void size(const std::string& symbol, int64_t min, int64_t opt, int64_t max) {
    plan_.profile.push_back({symbol, {min, opt, max}});
  }
  uint32_t input(const std::string& name, const std::string& type) { return binding(name, type, true); }
  uint32_t output(const std::string& name, const std::string& type) { return binding(name, type, false); }
  /// An output whose value another view holds already.
  void output_is(const std::string& name, uint32_t view) {
    plan_.bindings.push_back({name, plan_.views[view].type, false});
    plan_.binding_views.push_back(view);
  }
  uint32_t weight(const std::string& type, uint64_t offset) {
    const uint32_t v = own_buffer(type, Place::weight);
    plan_.buffers.back().index = offset;
    return v;
  }
  uint32_t temp(const std::string& type, uint16_t device = 0) {
    const uint32_t v = own_buffer(type, Place::arena);
    plan_.buffers.back().device = device;
    return v;
  }
  uint32_t value(const std::string& type) {
    const uint32_t v = own_buffer(type, Place::value);
    plan_.buffers.back().bytes = 0;
    return v;
  }
  /// Another view of the buffer of `of`.
  uint32_t view(uint32_t of, const std::string& type, Dim offset = 0, std::vector<Dim> strides = {}) {
    plan_.views.push_back({plan_.views[of].buffer, type_of(type), offset, std::move(strides)});
    return uint32_t(plan_.views.size() - 1);
  }
  uint32_t kernel(const std::string& name, const std::string& params = "") {
    for (uint32_t i = 0; i < plan_.kernels.size(); ++i)
      if (plan_.kernels[i].name == name && plan_.kernels[i].params == params) return i;
    plan_.kernels.push_back({name, "test", params, 0, 0});
    return uint32_t(plan_.kernels.size() - 1);
  }
  Step& step(const std::string& kernel_name, Views inputs, Views outputs, const std::string& params = "") {
    Step s;
    s.kernel = kernel(kernel_name, params);
    s.inputs = std::move(inputs), s.outputs = std::move(outputs);
    s.label = kernel_name.substr(kernel_name.find('.') + 1);
    s.origin = "/" + s.label + std::to_string(plan_.steps.size());
    plan_.steps.push_back(std::move(s));
    return plan_.steps.back();
  }
  Step& copy(uint32_t from, uint32_t to) { return control(StepKind::copy, {from}, {to}); }
  Step& branch(Views inputs, Views outputs, Plan then_plan, Plan else_plan) {
    Step& s = control(StepKind::branch, std::move(inputs), std::move(outputs));
    s.subplans = {uint32_t(plan_.subplans.size()), uint32_t(plan_.subplans.size() + 1)};
    plan_.subplans.push_back(std::move(then_plan));
    plan_.subplans.push_back(std::move(else_plan));
    return s;
  }
  Step& loop(Views inputs, Views outputs, int64_t carried, Plan body) {
    Step& s = control(StepKind::loop, std::move(inputs), std::move(outputs));
    s.subplans = {uint32_t(plan_.subplans.size())};
    s.scalars = {carried};
    plan_.subplans.push_back(std::move(body));
    return s;
  }
  /// Output `output` of the step that was added last gives `symbol` as its dim `axis`.
  void defines(const std::string& symbol, uint32_t output, uint32_t axis) {
    plan_.steps.back().defines.push_back({symbol, output, axis});
  }
  const Plan& plan_without_life_spans() const { return plan_; }
  /// With life spans and, when all sizes are known, offsets in the arena.
  Plan plan() const {
    Plan plan = plan_;
    const auto last = uint32_t(plan.steps.empty() ? 0 : plan.steps.size() - 1);
    for (Buffer& b : plan.buffers) b.first_step = kNone;
    const auto use = [&](uint32_t view, uint32_t step) {
      if (view == kNone) return;
      Buffer& b = plan.buffers[plan.views[view].buffer];
      b.first_step = std::min(b.first_step, step), b.last_step = std::max(b.last_step, step);
    };
    for (uint32_t i = 0; i < plan.steps.size(); ++i) {
      for (const uint32_t v : plan.steps[i].inputs) use(v, i);
      for (const uint32_t v : plan.steps[i].outputs) use(v, i);
    }
    for (size_t i = 0; i < plan.bindings.size(); ++i)
      if (!plan.bindings[i].is_input) use(plan.binding_views[i], last);
    for (Buffer& b : plan.buffers) b.first_step = std::min(b.first_step, last);
    if (has_static_arena(plan)) place(plan);
    return plan;
  }

 private:
  uint32_t own_buffer(const std::string& text, Place place) {
    Buffer b;
    b.place = place;
    const TensorType type = type_of(text);
    b.bytes = contiguous_bytes(type);
    plan_.buffers.push_back(b);
    plan_.views.push_back({uint32_t(plan_.buffers.size() - 1), type, 0, {}});
    return uint32_t(plan_.views.size() - 1);
  }
  uint32_t binding(const std::string& name, const std::string& type, bool is_input) {
    const uint32_t v = own_buffer(type, Place::binding);
    plan_.buffers.back().index = plan_.bindings.size();
    plan_.bindings.push_back({name, type_of(type), is_input});
    plan_.binding_views.push_back(v);
    return v;
  }
  Step& control(StepKind kind, Views inputs, Views outputs) {
    Step s;
    s.kind = kind;
    s.inputs = std::move(inputs), s.outputs = std::move(outputs);
    s.origin = "/" + std::string(enum_name(kind)) + std::to_string(plan_.steps.size());
    plan_.steps.push_back(std::move(s));
    return plan_.steps.back();
  }
  static void place(Plan& plan) {
    for (uint16_t device = 0; device < plan.devices.size(); ++device) {
      std::vector<Buffer*> buffers;
      std::vector<ArenaRequest> requests;
      for (Buffer& b : plan.buffers) {
        if (b.place != Place::arena || b.device != device) continue;
        buffers.push_back(&b);
        requests.push_back({*b.bytes.as_int(), b.first_step, b.last_step});
      }
      ArenaLayout layout;
      ArenaPlanner().place(requests, layout);
      for (size_t i = 0; i < buffers.size(); ++i) buffers[i]->offset = uint64_t(layout.offsets[i]);
    }
  }

  Plan plan_;
};

}  // namespace rekindle::test
