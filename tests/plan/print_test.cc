// print(Plan): goldens by hand.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "plan/plan_maker.h"

namespace rekindle {
namespace {

using test::PlanMaker;

/// One input, one kernel, one output.
Plan one_step(const std::string& kernel) {
  PlanMaker m("cpu");
  const uint32_t a = m.input("a", "f32[K]"), b = m.output("b", "f32[K]");
  m.step(kernel, {a}, {b});
  return m.plan();
}

TEST(PrintPlan, OneLineAStep) {
  PlanMaker m("cpu");
  m.size("N", 1, 8, 32);
  const uint32_t x = m.input("x", "f32[N, 4]"), w = m.weight("f32[4, 4]", 64), bias = m.weight("f32[4]", 0);
  const uint32_t t = m.temp("f32[N, 4]"), half = m.view(t, "f32[N, 2]", 8, {4, 1});
  const uint32_t y = m.output("y", "f32[N, 2]");
  m.step("cpu.gemm", {x, w, kNone, bias}, {t}).label = "matmul + add";
  m.step("cpu.pointwise", {half}, {y}).label = "relu";
  EXPECT_EQ(print(m.plan()), R"(plan cpu on cpu
  size N: 1 to 32, usually 8
  input x: f32[N, 4]
  output y: f32[N, 2]
   0 %3: f32[N, 4] = cpu.gemm(x, w0, _, w1)  # matmul + add
   1 y: f32[N, 2] = cpu.pointwise(%4[8])  # relu
memory: 2 weights of 80 bytes, 1 arena buffers planned for each shape, 0 values
)");
}

TEST(PrintPlan, StaticArenasShowTheirSizeAndTheLeastPossible) {
  PlanMaker m("cpu");
  const uint32_t x = m.input("x", "f32[16]"), a = m.temp("f32[16]"), b = m.temp("f32[16]");
  const uint32_t y = m.output("y", "f32[16]");
  m.step("cpu.a", {x}, {a});
  m.step("cpu.b", {a}, {b});
  m.step("cpu.c", {b}, {y});
  EXPECT_NE(print(m.plan()).find("2 arena buffers in 128 bytes, at least 128"), std::string::npos)
      << print(m.plan());
}

TEST(PrintPlan, SubPlansStandUnderTheirStep) {
  PlanMaker m("cpu");
  const uint32_t condition = m.input("condition", "boolean[]"), x = m.input("x", "f32[K]"),
                 v = m.value("f32[M]");
  m.branch({condition, x}, {v}, one_step("cpu.double"), one_step("cpu.halve"));
  m.defines("M", 0, 0);
  m.output_is("y", v);
  EXPECT_EQ(print(m.plan()), R"(plan cpu on cpu
  input condition: boolean[]
  input x: f32[K]
  output y: f32[M]
   0 %2: f32[M] = branch(condition, x) defines M
     then:
         input a: f32[K]
         output b: f32[K]
          0 b: f32[K] = cpu.double(a)  # double
       memory: 0 weights of 0 bytes, 0 arena buffers, 0 values
     else:
         input a: f32[K]
         output b: f32[K]
          0 b: f32[K] = cpu.halve(a)  # halve
       memory: 0 weights of 0 bytes, 0 arena buffers, 0 values
memory: 0 weights of 0 bytes, 0 arena buffers, 1 values
)");
}

TEST(PrintPlan, WrongIndicesAreShownNotFollowed) {
  PlanMaker m("cpu");
  m.step("cpu.a", {7}, {9});
  Plan plan = m.plan_without_life_spans();
  plan.steps[0].kernel = 5;
  EXPECT_NE(print(plan).find("?9 = kernel(?7)"), std::string::npos) << print(plan);
}

}  // namespace
}  // namespace rekindle
