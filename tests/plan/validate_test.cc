// validate(): a correct plan passes; for each thing that a hostile plan could lie about there is one plan
// that does. SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <functional>

#include "plan/plan_maker.h"

namespace rekindle {
namespace {

using test::PlanMaker;

constexpr uint64_t kWeightBytes = 256, kCodeBytes = 64;

/// x, w -> t (view 2) -> u (view 3) -> y. Steps 0 and 1 write arena buffers 2 and 3.
Plan good_plan() {
  PlanMaker m("cpu");
  const uint32_t x = m.input("x", "f32[2, 4]"), w = m.weight("f32[4, 4]", 64);
  const uint32_t t = m.temp("f32[2, 4]"), u = m.temp("f32[2, 4]"), y = m.output("y", "f32[2, 4]");
  m.step("cpu.gemm", {x, w}, {t});
  m.step("cpu.relu", {t}, {u});
  m.step("cpu.exp", {u}, {y});
  return m.plan();
}

/// The same with x: f32[N, 4], where step 0 makes a value whose size K it defines.
Plan dynamic_plan() {
  PlanMaker m("cpu");
  m.size("N", 1, 8, 32);
  const uint32_t x = m.input("x", "f32[N, 4]"), v = m.value("f32[K]"), t = m.temp("f32[2*K]"),
                 u = m.temp("f32[N, 4]");
  const uint32_t y = m.output("y", "f32[2*K]");
  m.step("cpu.nonzero", {x}, {v});
  m.defines("K", 0, 0);
  m.step("cpu.twice", {v}, {t});
  m.step("cpu.relu", {x}, {u});
  m.step("cpu.sum", {t, u}, {y});
  return m.plan();
}

Plan branch_body(const std::string& kernel, const std::string& type = "f32[4]") {
  PlanMaker m("cpu");
  const uint32_t a = m.input("a", type), b = m.output("b", type);
  m.step(kernel, {a}, {b});
  return m.plan();
}

Plan branch_plan() {
  PlanMaker m("cpu");
  const uint32_t condition = m.input("condition", "boolean[]"), x = m.input("x", "f32[4]"),
                 y = m.output("y", "f32[4]");
  m.branch({condition, x}, {y}, branch_body("cpu.relu"), branch_body("cpu.exp"));
  return m.plan();
}

/// One carried value and one scan output.
Plan loop_plan() {
  PlanMaker b("cpu");
  b.input("i", "i64[]");
  const uint32_t c = b.input("c", "boolean[]"), a = b.input("a", "f32[4]");
  b.output_is("c_out", c);
  const uint32_t next = b.output("next", "f32[4]"), each = b.output("each", "f32[4]");
  b.step("cpu.relu", {a}, {next});
  b.step("cpu.exp", {a}, {each});
  PlanMaker m("cpu");
  const uint32_t count = m.input("count", "i64[]"), x = m.input("x", "f32[4]"), y = m.output("y", "f32[4]");
  const uint32_t scan = m.value("f32[T, 4]");
  m.loop({count, kNone, x}, {y, scan}, 1, b.plan());
  m.defines("T", 1, 0);
  m.output_is("scan", scan);
  return m.plan();
}

struct Lie {
  const char* what;
  Plan (*plan)();
  std::function<void(Plan&)> tell;
  const char* message;
};
std::ostream& operator<<(std::ostream& out, const Lie& lie) { return out << lie.what; }

class ValidatePlan : public testing::TestWithParam<Lie> {};

TEST_P(ValidatePlan, RefusesTheLie) {
  const Lie& lie = GetParam();
  Plan plan = lie.plan();
  ASSERT_EQ(validate(plan, kWeightBytes, kCodeBytes).to_string(), "ok");
  lie.tell(plan);
  const Status status = validate(plan, kWeightBytes, kCodeBytes);
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.message().find(lie.message), std::string::npos) << status.message();
}

const Lie kHeaderLies[] = {
    {"NoDevice", good_plan, [](Plan& p) { p.devices.clear(); }, "the plan names 0 devices, expected 1 to 16"},
    {"DeviceTwice", good_plan,
     [](Plan& p) {
       p.devices = {"cpu", "cpu"};
     },
     "device \"cpu\" is named twice"},
    {"DeviceUnnamed", good_plan,
     [](Plan& p) {
       p.devices = {"cpu", ""};
     },
     "device 1 has no name"},
    {"ProfileUnsorted", dynamic_plan,
     [](Plan& p) {
       p.profile.push_back({"A", {1, 1, 1}});
     },
     "the profile is not sorted at symbol \"A\""},
    {"ProfileBackwards", dynamic_plan,
     [](Plan& p) {
       p.profile[0].range = {8, 4, 2};
     },
     "the profile of symbol \"N\" is 8 to 2, usually 4, expected 0 <= min <= opt <= max"},
    {"ProfileNegative", dynamic_plan, [](Plan& p) { p.profile[0].range.min = -1; }, "expected 0 <= min"},
    {"BindingTwice", good_plan, [](Plan& p) { p.bindings[1].name = "x"; }, "two bindings are named \"x\""},
    {"InputBehindOutput", good_plan, [](Plan& p) { std::swap(p.bindings[0], p.bindings[1]); },
     "input \"x\" stands behind an output"},
    {"NegativeDim", good_plan, [](Plan& p) { p.bindings[0].type.shape[0] = -5; },
     "binding \"x\" has the dim -5"},
    {"UnknownDim", good_plan, [](Plan& p) { p.bindings[0].type.shape[0] = Dim::unknown(); },
     "binding \"x\" has the dim"},
    {"Rank300", good_plan, [](Plan& p) { p.bindings[0].type.shape.assign(300, 1); },
     "binding \"x\" has rank 300, expected at most 32"},
    {"BindingViewMissing", good_plan, [](Plan& p) { p.binding_views.pop_back(); },
     "there are 2 bindings but 1 binding views"},
    {"BindingViewIndex", good_plan, [](Plan& p) { p.binding_views[1] = 99; },
     "binding \"y\" names view 99, the plan has 5"},
    {"BindingViewType", good_plan, [](Plan& p) { p.views[0].type.dtype = DType::i32; },
     "binding \"x\" is f32[2, 4] but its view is i32[2, 4]"},
    {"InputElsewhere", good_plan, [](Plan& p) { p.binding_views[0] = 2; },
     "the view of input \"x\" is not its own memory"},
    {"SymbolOnlyInExpression", dynamic_plan,
     [](Plan& p) {
       const Dim twice = 2 * Dim::symbol("N");
       p.bindings[0].type.shape[0] = p.views[0].type.shape[0] = twice;
       p.buffers[0].bytes = twice * 16;
     },
     "symbol \"N\" of input \"x\" has no dim of its own in any input"},
    {"KernelUnnamed", good_plan, [](Plan& p) { p.kernels[0].name.clear(); }, "kernel 0 has no name"},
    {"CodeOutside", good_plan,
     [](Plan& p) {
       p.kernels[1].code_offset = 60;
       p.kernels[1].code_size = 5;
     },
     "kernel 1 (\"cpu.relu\") has code at 60 of 5 bytes, the code section has 64"},
    {"CodeWraps", good_plan,
     [](Plan& p) {
       p.kernels[1].code_offset = UINT64_MAX;
       p.kernels[1].code_size = 2;
     },
     "the code section has 64"},
};
INSTANTIATE_TEST_SUITE_P(Header, ValidatePlan, testing::ValuesIn(kHeaderLies),
                         [](const auto& info) { return info.param.what; });

const Lie kMemoryLies[] = {
    {"BufferDevice", good_plan, [](Plan& p) { p.buffers[2].device = 3; },
     "buffer 2 is on device 3, the plan has 1"},
    {"BufferBinding", good_plan, [](Plan& p) { p.buffers[0].index = 7; },
     "buffer 0 is binding 7, the plan has 2"},
    {"BindingTwice", good_plan, [](Plan& p) { p.buffers[4].index = 0; },
     "buffer 4 is binding 0, as another one is"},
    {"BindingBytes", good_plan, [](Plan& p) { p.buffers[0].bytes = 64; },
     "buffer 0 has 64 bytes but its binding \"x\" has 32"},
    {"NegativeBytes", good_plan, [](Plan& p) { p.buffers[2].bytes = -1; }, "buffer 2 has -1 bytes"},
    {"HugeBytes", good_plan, [](Plan& p) { p.buffers[2].bytes = INT64_MAX; },
     "bytes, expected 0 to 140737488355328"},
    {"UnknownBytes", good_plan, [](Plan& p) { p.buffers[2].bytes = Dim::unknown(); }, "buffer 2 has no size"},
    {"WeightOutside", good_plan, [](Plan& p) { p.buffers[1].index = 256; },
     "buffer 1 is a weight at 256 of 64 bytes, the weight section has 256"},
    {"WeightWraps", good_plan, [](Plan& p) { p.buffers[1].index = UINT64_MAX - 63; },
     "the weight section has 256"},
    {"WeightUnaligned", good_plan, [](Plan& p) { p.buffers[1].index = 65; },
     "buffer 1 is a weight at 65, expected a multiple of 64"},
    {"WeightSymbolic", good_plan, [](Plan& p) { p.buffers[1].bytes = Dim::symbol("N"); },
     "buffer 1 is a weight of N bytes, expected a number"},
    {"LifeSpanBackwards", good_plan,
     [](Plan& p) {
       p.buffers[2].first_step = 2;
       p.buffers[2].last_step = 1;
     },
     "buffer 2 lives from step 2 to 1, the plan has 3 steps"},
    {"LifeSpanOutside", good_plan, [](Plan& p) { p.buffers[2].last_step = 3; }, "lives from step 0 to 3"},
    {"ArenaUnaligned", good_plan, [](Plan& p) { p.buffers[2].offset = 8; },
     "buffer 2 is at 8 of the arena, expected a multiple of 64"},
    {"ArenaHuge", good_plan, [](Plan& p) { p.buffers[2].offset = uint64_t(1) << 63; },
     "of the arena, expected"},
    {"ArenaOverlap", good_plan, [](Plan& p) { p.buffers[2].offset = p.buffers[3].offset; },
     "buffers 2 and 3 overlap in the arena while both are alive"},
    {"ArenaPartOverlap", good_plan,
     [](Plan& p) {
       p.buffers[2].bytes = 100;
       p.buffers[2].offset = 0;
       p.buffers[3].offset = 64;
     },
     "buffers 2 and 3 overlap in the arena while both are alive"},
    {"ViewBuffer", good_plan, [](Plan& p) { p.views[2].buffer = 50; },
     "view 2 is of buffer 50, the plan has 5"},
    {"ViewTooLarge", good_plan,
     [](Plan& p) {
       p.views[2].type.shape = {3, 4};
     },
     "view 2 takes 48 bytes at 0, its buffer 2 has 32"},
    {"ViewOffset", good_plan, [](Plan& p) { p.views[2].offset = 4; },
     "view 2 takes 32 bytes at 4, its buffer 2 has 32"},
    {"ViewNegativeOffset", good_plan, [](Plan& p) { p.views[2].offset = -4; },
     "view 2 begins at -4, expected 0 or more"},
    {"ViewStrides", good_plan,
     [](Plan& p) {
       p.views[2].strides = {5, 1};
     },
     "view 2 takes 36 bytes at 0, its buffer 2 has 32"},
    {"ViewNegativeStride", good_plan,
     [](Plan& p) {
       p.views[2].strides = {-4, 1};
     },
     "view 2 has a negative stride"},
    {"ViewStrideCount", good_plan, [](Plan& p) { p.views[2].strides = {1}; },
     "view 2 has 1 strides and rank 2"},
    {"ViewOverflow", good_plan,
     [](Plan& p) {
       p.views[2].type.shape = {int64_t(1) << 40, int64_t(1) << 40};
     },
     "view 2 has 2^48 elements or more"},
    {"ViewStrideOverflow", good_plan,
     [](Plan& p) {
       p.views[2].strides = {INT64_MAX, 1};
     },
     "view 2 has strides that reach too far"},
    {"ViewElementsOverlap", good_plan,
     [](Plan& p) {
       p.views[2].strides = {3, 1};
     },
     "view 2 has elements that overlap"},
    {"ViewElementsRepeat", good_plan,
     [](Plan& p) {  // 2^40 elements in 32 bytes: work without end
       p.views[2].type.shape = {int64_t(1) << 40, 4};
       p.views[2].strides = {0, 1};
     },
     "view 2 has elements that overlap"},
    {"ViewUnknown", good_plan, [](Plan& p) { p.views[2].type.shape[0] = Dim::unknown(); },
     "view 2 has a dim that nothing defines"},
    {"ViewTooLargeAtTheProfilesMost", dynamic_plan,
     [](Plan& p) {  // fits for N <= 31
       p.views[3].type.shape = {floor_div(Dim::symbol("N"), Dim(32)) + Dim::symbol("N"), 4};
     },
     "view 3 takes 528 bytes at 0, its buffer 3 has 512"},
    {"ViewStrings", good_plan, [](Plan& p) { p.views[2].type.dtype = DType::string; },
     "view 2 is of strings, which only whole bindings and values hold"},
};
INSTANTIATE_TEST_SUITE_P(Memory, ValidatePlan, testing::ValuesIn(kMemoryLies),
                         [](const auto& info) { return info.param.what; });

const Lie kStepLies[] = {
    {"Device", good_plan, [](Plan& p) { p.steps[0].device = 9; }, "step 0 runs on device 9, the plan has 1"},
    {"Stream", good_plan, [](Plan& p) { p.steps[0].stream = 1; },
     "step 0 runs on stream 1, this version has one stream"},
    {"Kernel", good_plan, [](Plan& p) { p.steps[1].kernel = 3; }, "step 1 launches kernel 3, the plan has 3"},
    {"ReadsView", good_plan, [](Plan& p) { p.steps[1].inputs = {5}; }, "step 1 reads view 5, the plan has 5"},
    {"WritesView", good_plan, [](Plan& p) { p.steps[1].outputs = {5}; },
     "step 1 writes view 5, the plan has 5"},
    {"ReadsBeforeWritten", good_plan, [](Plan& p) { p.steps[0].inputs[0] = 2; },
     "step 0 reads view 2 of buffer 2, which no step before it writes"},
    {"ReadsAfterDeath", good_plan, [](Plan& p) { p.steps[2].inputs = {2}; },
     "step 2 reads view 2 of buffer 2, which lives from step 0 to 1"},
    {"WritesBeforeBirth", good_plan, [](Plan& p) { p.steps[0].outputs = {3}; },
     "step 0 writes view 3 of buffer 3, which lives from step 1 to 2"},
    {"WritesWeight", good_plan, [](Plan& p) { p.steps[2].outputs = {1}; },
     "step 2 writes view 1, which is a weight"},
    {"WritesInput", good_plan, [](Plan& p) { p.steps[2].outputs = {0}; },
     "step 2 writes view 0, which is input \"x\""},
    {"OutputNotWritten", good_plan, [](Plan& p) { p.steps.pop_back(), p.buffers[3].last_step = 1; },
     "no step writes output \"y\""},
    {"OutputDies", good_plan, [](Plan& p) { p.binding_views[1] = 2; },
     "the memory of output \"y\" is given up after step 1, expected after the last"},
    {"SubPlanOfAKernel", good_plan, [](Plan& p) { p.steps[0].subplans = {0}; },
     "step 0 launches a kernel and names sub-plans"},
    {"SubPlanUnused", good_plan, [](Plan& p) { p.subplans.push_back(good_plan()); },
     "no step uses sub-plan 0"},
    {"OtherDevice", good_plan,
     [](Plan& p) {
       p.devices.push_back("cuda");
       p.steps[1].device = 1;
     },
     "step 1 runs on device 1, its view 2 is on device 0"},
    {"CopyArity", good_plan, [](Plan& p) { p.steps[0].kind = StepKind::copy; },
     "step 0 is a copy of 2 views to 1, expected one to one"},
    {"CopyType", good_plan,
     [](Plan& p) {
       p.steps[1].kind = StepKind::copy;
       p.views[3].type.shape = {8};
     },
     "step 1 copies f32[2, 4] to f32[8], expected one type"},
    {"CopyStrides", good_plan,
     [](Plan& p) {
       p.steps[1].kind = StepKind::copy;
       p.views[3].strides = {4, 1};
     },
     "step 1 copies a view that has strides"},
    {"ValueTwice", branch_plan,
     [](Plan& p) {
       p.buffers[2].place = Place::value;
       p.steps.push_back(p.steps[0]);
       p.steps[1].kind = StepKind::kernel;
       p.steps[1].subplans.clear();
       p.kernels.push_back({"cpu.a", "", "", 0, 0});
     },
     "step 1 writes view 2 of buffer 2, a value that step 0 makes"},
    {"ValueInParts", dynamic_plan, [](Plan& p) { p.views[1].offset = 4; },
     "step 0 makes a value through view 1, which is not the whole of it"},
    {"DefinedTwice", dynamic_plan,
     [](Plan& p) {
       p.steps[0].defines.push_back({"K", 0, 0});
     },
     "step 0 defines \"K\", which has a value already"},
    {"DefinesAnInputsSymbol", dynamic_plan,
     [](Plan& p) {
       p.views[1].type.shape[0] = Dim::symbol("N");
       p.steps[0].defines[0].symbol = "N";
     },
     "step 0 defines \"N\", which has a value already"},
    {"DefinesByAnotherDim", dynamic_plan, [](Plan& p) { p.steps[0].defines[0].symbol = "L"; },
     "whose symbol \"K\" nothing defines"},
    {"DefinesOutput", dynamic_plan, [](Plan& p) { p.steps[0].defines[0].output = 1; },
     "step 0 defines \"K\" by its output 1, it has 1"},
    {"DefinesAxis", dynamic_plan, [](Plan& p) { p.steps[0].defines[0].axis = 1; },
     "step 0 defines \"K\" by axis 1 of an output of rank 1"},
    {"NothingDefines", dynamic_plan, [](Plan& p) { p.steps[0].defines.clear(); },
     "step 0 writes view 1, whose symbol \"K\" nothing defines"},
    {"UsedBeforeDefined", dynamic_plan,
     [](Plan& p) {
       std::swap(p.steps[0], p.steps[2]);
       p.steps[0].grid = {Dim::symbol("K")};
       p.buffers[3].first_step = 0;
     },
     "step 0 has the number K, whose symbols nothing before it defines"},
    {"DefinedIntoTheArena", dynamic_plan,
     [](Plan& p) {
       p.buffers[1] = p.buffers[2];
       p.buffers[1].bytes = 4 * Dim::symbol("K");
       p.buffers[1].first_step = 0;
     },
     "step 0 writes view 1, whose symbol \"K\" it defines itself, into memory that is not a value"},
    {"UnknownGrid", good_plan, [](Plan& p) { p.steps[0].grid = {Dim::unknown()}; },
     "step 0 has a grid or scalar that nothing defines"},
};
INSTANTIATE_TEST_SUITE_P(Steps, ValidatePlan, testing::ValuesIn(kStepLies),
                         [](const auto& info) { return info.param.what; });

const Lie kControlLies[] = {
    {"BranchWithoutCondition", branch_plan, [](Plan& p) { p.steps[0].inputs.clear(); },
     "step 0 is a branch without a condition"},
    {"BranchAbsentCondition", branch_plan, [](Plan& p) { p.steps[0].inputs[0] = kNone; },
     "step 0 is a branch without a condition"},
    {"BranchCondition", branch_plan, [](Plan& p) { p.steps[0].inputs[0] = 1; },
     "step 0 has the condition f32[4], expected one boolean"},
    {"BranchOneSubPlan", branch_plan, [](Plan& p) { p.steps[0].subplans.pop_back(); },
     "step 0 is a branch with 1 sub-plans, expected 2"},
    {"BranchSameSubPlan", branch_plan,
     [](Plan& p) {
       p.steps[0].subplans = {0, 0};
     },
     "step 0 runs sub-plan 0, which step 0 runs already"},
    {"BranchSubPlanIndex", branch_plan,
     [](Plan& p) {
       p.steps[0].subplans = {0, 2};
     },
     "step 0 runs sub-plan 2, the plan has 2"},
    {"BranchArity", branch_plan, [](Plan& p) { p.steps[0].inputs.push_back(1); },
     "step 0 runs sub-plan 0, which has 1 inputs and 1 outputs, expected 2 and 1"},
    {"BranchType", branch_plan, [](Plan& p) { p.subplans[1] = branch_body("cpu.exp", "i32[4]"); },
     "step 0 passes f32[4] for the input \"a\", which is i32[4]"},
    {"BranchAbsentInput", branch_plan, [](Plan& p) { p.steps[0].inputs[1] = kNone; },
     "step 0 leaves out the input \"a\""},
    {"BranchBadSubPlan", branch_plan, [](Plan& p) { p.subplans[1].steps[0].inputs = {9}; },
     "step 0 runs sub-plan 1: step 0 reads view 9, the plan has 2"},
    {"BranchOtherIsa", branch_plan, [](Plan& p) { p.subplans[1].isa = Isa::avx512; },
     "a sub-plan needs avx512, its outer plan only baseline"},
    {"BranchOtherDevices", branch_plan, [](Plan& p) { p.subplans[1].devices = {"cuda"}; },
     "a sub-plan has other devices than its outer plan"},
    {"LoopInputs", loop_plan, [](Plan& p) { p.steps[0].inputs = {0}; },
     "step 0 is a loop with 1 inputs, expected at least 2"},
    {"LoopNoBody", loop_plan, [](Plan& p) { p.steps[0].subplans.clear(); },
     "step 0 is a loop with 0 sub-plans, expected 1"},
    {"LoopCarried", loop_plan, [](Plan& p) { p.steps[0].scalars = {3}; },
     "step 0 is a loop whose scalars do not give its number of carried values"},
    {"LoopNegativeCarried", loop_plan, [](Plan& p) { p.steps[0].scalars = {-1}; },
     "its number of carried values"},
    {"LoopSymbolicCarried", loop_plan,
     [](Plan& p) {
       p.steps[0].scalars = {Dim(1), Dim(1)};
     },
     "its number of carried values"},
    {"LoopTripCount", loop_plan, [](Plan& p) { p.steps[0].inputs[0] = 1; },
     "step 0 has the trip count f32[4], expected one i64"},
    {"LoopScanRank", loop_plan,
     [](Plan& p) { p.bindings[3].type.shape = p.views[3].type.shape = {Dim::symbol("T")}; },
     "step 0 stacks f32[4] into f32[T], expected one more dim and whole bytes"},
    {"LoopBodyIteration", loop_plan,
     [](Plan& p) {
       Plan& body = p.subplans[0];
       body.bindings[0].type = body.views[0].type = test::type_of("i64[2]");
       body.buffers[0].bytes = 16;
     },
     "step 0 runs a loop body whose \"i\" is i64[2], expected one i64"},
    {"LoopSubPlanSymbol", loop_plan, [](Plan& p) { p.subplans[0].steps[0].scalars = {Dim::symbol("T")}; },
     "step 0 runs sub-plan 0: step 0 has the number T, whose symbols nothing before it defines"},
};
INSTANTIATE_TEST_SUITE_P(Control, ValidatePlan, testing::ValuesIn(kControlLies),
                         [](const auto& info) { return info.param.what; });

/// Loops in loops: the innermost body is a kernel.
Plan nested_loops(int levels) {
  PlanMaker m("cpu");
  const uint32_t i = m.input("i", "i64[]"), c = m.input("c", "boolean[]"), a = m.input("a", "f32[4]");
  m.output_is("c_out", c);
  const uint32_t next = m.output("next", "f32[4]");
  if (levels == 0)
    m.step("cpu.relu", {a}, {next});
  else
    m.loop({i, c, a}, {next}, 1, nested_loops(levels - 1));
  return m.plan();
}

TEST(ValidatePlan, NestingIsBounded) {
  EXPECT_EQ(validate(nested_loops(15), 0, 0).to_string(), "ok");
  const std::string message = validate(nested_loops(16), 0, 0).message();
  EXPECT_NE(message.find("sub-plans are nested deeper than 16"), std::string::npos) << message;
}

TEST(ValidatePlan, ASubPlanMayUseSymbolsOfThePlanAroundIt) {
  PlanMaker b("cpu");
  const uint32_t a = b.input("a", "f32[M]"), out = b.output("b", "f32[M]");
  b.step("cpu.expand", {a}, {out}).scalars = {Dim::symbol("N") + 1};
  PlanMaker m("cpu");
  const uint32_t condition = m.input("condition", "boolean[]"), x = m.input("x", "f32[N]"),
                 y = m.output("y", "f32[N]");
  m.branch({condition, x}, {y}, b.plan(), b.plan());
  EXPECT_EQ(validate(m.plan(), 0, 0).to_string(), "ok");
}

TEST(ValidatePlan, DifferentSizesAreCounted) {
  Plan plan = good_plan();
  for (int64_t i = 0; i < 1 << 18; ++i) plan.steps[0].scalars.emplace_back(i);
  EXPECT_EQ(validate(plan, kWeightBytes, kCodeBytes).to_string(),
            "the plan has more than 262144 different sizes");
}

TEST(ValidatePlan, InPlaceStepsShareABuffer) {
  PlanMaker m("cpu");
  const uint32_t x = m.input("x", "f32[4]"), t = m.temp("f32[4]"), y = m.output("y", "f32[4]");
  m.step("cpu.a", {x}, {t});
  m.step("cpu.b", {t}, {t});
  m.step("cpu.c", {t}, {y});
  EXPECT_EQ(validate(m.plan(), 0, 0).to_string(), "ok");
}

TEST(ValidatePlan, MessagesCutAndCleanNamesFromTheFile) {
  Plan plan = good_plan();
  plan.bindings[0].name = plan.bindings[1].name = "a\n\"b" + std::string(1 << 20, 'x');
  const std::string message = validate(plan, kWeightBytes, kCodeBytes).message();
  EXPECT_LT(message.size(), 200U);
  EXPECT_EQ(message.find('\n'), std::string::npos);
  EXPECT_NE(message.find("two bindings are named \"a??bxx"), std::string::npos) << message;
}

TEST(ContiguousBytes, PackedTypesAreRoundedUp) {
  EXPECT_EQ(contiguous_bytes(test::type_of("i4[3]")), Dim(2));
  EXPECT_EQ(contiguous_bytes(test::type_of("f32[N, 3]")), 12 * Dim::symbol("N"));
  EXPECT_EQ(contiguous_bytes(test::type_of("string[4]")), Dim(0));
  EXPECT_EQ(contiguous_bytes(test::type_of("f64[]")), Dim(8));
}

}  // namespace
}  // namespace rekindle
