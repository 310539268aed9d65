// The inside of validate(): one object a plan, its checks spread over validate*.cc by what they look at.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <fmt/format.h>

#include <array>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "plan/plan.h"
#include "plan/plan_dims.h"

namespace rekindle {

/// What a plan may rely on: the engine's sections and, in a sub-plan, the plan around it.
struct ValidationScope {
  uint64_t weight_bytes = 0, code_bytes = 0;
  const Plan* outer = nullptr;
  Profile profile;                               // of the outer plans
  std::set<std::string, std::less<>> inherited;  // symbols that have a value when the sub-plan starts
  int depth = 0;
};

/// A name from a file, fit for a message: quoted, control characters replaced, long ones cut.
std::string quoted(std::string_view name);

class PlanValidation {
 public:
  PlanValidation(const Plan& plan, ValidationScope scope) : plan_(plan), scope_(std::move(scope)) {}
  Status run();

 private:
  // Steps at which a symbol's value is known: before the first one, after step i, or never.
  static constexpr int64_t kBeforeAll = -1, kNever = INT64_MAX;

  // validate.cc
  Status check_devices() const;
  Status check_profile();
  Status check_bindings();
  Status check_input_symbols();
  Status check_binding_views() const;
  Status check_kernels() const;
  Status check_outputs() const;

  // validate_memory.cc
  Status check_dims_exist() const;
  Status check_buffers() const;
  Status check_buffer(const Buffer& buffer) const;
  Status check_views();
  Status check_view(const View& view) const;
  Status check_view_fits(uint32_t number, size_t sample) const;
  Status check_arena() const;
  Status check_arena_overlap(uint16_t device) const;
  void take_samples();
  bool makes_negative_dim(size_t sample) const;

  // validate_steps.cc
  Status check_steps();
  Status check_step(uint32_t index);
  Status check_arguments(const Step& step, uint32_t index);
  Status check_reads(const View& view, uint32_t number, uint32_t index) const;
  Status check_writes(const View& view, uint32_t number, uint32_t index);
  Status check_makes(const View& view, uint32_t number, uint32_t index) const;
  Status check_symbols_known(const Step& step, uint32_t index) const;
  Status check_defines(const Step& step, uint32_t index);
  Status check_kernel_step(const Step& step) const;
  Status check_copy_step(const Step& step) const;

  // validate_control.cc
  Status check_branch_step(const Step& step, uint32_t index);
  Status check_loop_step(const Step& step, uint32_t index);
  Status check_one_value(uint32_t view, DType dtype, std::string_view what) const;
  Status check_passed(uint32_t view, const Plan& body, size_t binding, std::string_view what) const;
  Status check_subplan(uint32_t number, uint32_t step, size_t inputs, size_t outputs);

  bool defines(const Step& step, uint32_t slot) const;
  int64_t known_after(const View& view) const;
  const Buffer& buffer_of(const View& view) const { return plan_.buffers[view.buffer]; }
  bool is_input(const Buffer& b) const {
    return b.place == Place::binding && plan_.bindings[b.index].is_input;
  }

  const Plan& plan_;
  ValidationScope scope_;
  PlanDims dims_;
  std::vector<int64_t> known_after_;  // one a symbol slot
  std::array<std::vector<int64_t>, 3>
      samples_;  // the dims' values at the profile's least, usual and largest sizes
  std::array<std::vector<bool>, 3> has_value_;  // false: undefined there, say a division by 0
  std::array<bool, 3> is_excluded_{};           // sizes at which some dim is negative
  std::vector<uint32_t> writer_;                // the first step that writes a buffer, or kNone
  std::vector<uint32_t> subplan_user_;          // the step that runs a sub-plan, or kNone
};

/// The error for a plan that cannot be right, whatever made it.
template <class... Args> Status bad_plan(fmt::format_string<Args...> text, Args&&... args) {
  return Status::error(Code::data_loss, fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace rekindle
