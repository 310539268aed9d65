// A small engine of reference kernels for the tests of the public interfaces: y = relu(x), x: f32[N, 3], N
// from 1 to 8. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "backends/cpu/kernels/reference.h"
#include "plan/engine_file.h"
#include "plan/plan_maker.h"

namespace rekindle::test {

inline Plan relu_plan() {
  PlanMaker m("cpu");
  m.size("N", 1, 2, 8);
  const uint32_t x = m.input("x", "f32[N, 3]"), y = m.output("y", "f32[N, 3]");
  m.step("cpu.reference", {x}, {y}, to_bytes(cpu::ReferenceParams{"relu", "", false, {}}));
  return m.plan();
}

inline std::string engine_of(Plan plan) {
  plan.target = "cpu:baseline";
  EngineContents contents;
  contents.meta = {"rekindle test", "0123", "relu", "{}"};
  contents.variants = {{Target{}, std::move(plan)}};
  Result<std::string> bytes = engine_bytes(contents);
  RK_ASSERT(bytes.ok(), bytes.status().to_string().c_str());
  return *std::move(bytes);
}

}  // namespace rekindle::test
