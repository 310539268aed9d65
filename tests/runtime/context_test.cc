// Contexts: what is bound, what is prepared when, and where results are.
// SPDX-License-Identifier: Apache-2.0
#include "runtime/running.h"

namespace rekindle {
namespace {

using test::floats;
using test::PlanMaker;
using test::Running;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// y = negate(x + w) with x: f32[N, 2], w: f32[2].
Plan add_plan() {
  PlanMaker m;
  m.size("N", 1, 2, 100);
  const uint32_t x = m.input("x", "f32[N, 2]"), w = m.weight("f32[2]", 0), t = m.temp("f32[N, 2]");
  const uint32_t y = m.output("y", "f32[N, 2]");
  m.step("fake.add", {x, w}, {t});
  m.step("fake.negate", {t}, {y});
  return m.plan();
}
const std::vector<float> kWeights{10, 20};

TEST(Context, RunsStepsInOrderAndPreparesOnce) {
  const Running r(add_plan(), kWeights);
  r.bind("x", floats({2, 2}, {1, 2, 3, 4}));
  r.run();
  EXPECT_EQ(r.output("y"), "f32[2, 2] {-11, -22, -13, -24}");
  EXPECT_THAT(r.journal(), ElementsAre("load fake.add", "load fake.negate",
                                       "prepare add f32[2, 2] f32[2] -> f32[2, 2] constant 1",
                                       "prepare negate f32[2, 2] -> f32[2, 2]", "run add", "run negate"));
  r.run();
  EXPECT_THAT(r.journal(), ElementsAre("run add", "run negate"));
}

TEST(Context, FillingABoundTensorAgainNeedsNoBind) {
  const Running r(add_plan(), kWeights);
  Tensor x = floats({1, 2}, {0, 0});
  r.bind("x", x);
  r.run();
  EXPECT_EQ(r.output("y"), "f32[1, 2] {-10, -20}");
  x.data<float>()[0] = 5;
  r.run();
  EXPECT_EQ(r.output("y"), "f32[1, 2] {-15, -20}");
}

TEST(Context, AnOutputMayBeBoundToo) {
  const Running r(add_plan(), kWeights);
  Tensor y = floats({1, 2}, {0, 0});
  r.bind("x", floats({1, 2}, {1, 2}));
  r.bind("y", y);
  r.run();
  EXPECT_EQ(y.to_string(), "f32[1, 2] {-11, -22}");
  EXPECT_EQ(r->output("y")->raw(), y.raw());
}

TEST(Context, MemoryMayBeUnaligned) {
  const Running r(add_plan(), kWeights);
  std::vector<float> memory(8);
  memory[1] = 1, memory[2] = 2;
  r.bind("x", Tensor::view(DType::f32, {1, 2}, &memory[1], nullptr));
  r.bind("y", Tensor::view(DType::f32, {1, 2}, &memory[5], nullptr));
  r.run();
  EXPECT_EQ(memory[5], -11);
  EXPECT_EQ(memory[6], -22);
}

TEST(Context, AlternatingShapesArePreparedOnce) {
  const Running r(add_plan(), kWeights);
  for (int round = 0; round < 3; ++round)
    for (int64_t n = 1; n <= 8; ++n) {
      r.bind("x", Tensor(DType::f32, {n, 2}));
      r.run();
      EXPECT_EQ(r->output("y")->dims(), (Dims{n, 2}));
      EXPECT_EQ(r->output("y")->data<float>()[2 * n - 1], -20);
      const size_t prepares =
          size_t(std::count_if(r.devices.fake->journal.lines.begin(), r.devices.fake->journal.lines.end(),
                               [](const std::string& l) { return l.starts_with("prepare"); }));
      EXPECT_EQ(prepares, round == 0 ? 2U : 0U);
      r.journal();
    }
  // The ninth shape takes the place of the one used longest ago, which is 1.
  for (const int64_t n : {9, 8, 1}) {
    r.journal();
    r.bind("x", Tensor(DType::f32, {n, 2}));
    r.run();
    EXPECT_EQ(r.journal().size(), n == 8 ? 2U : 4U) << n;
  }
}

TEST(Context, GrowingAndShrinkingShapesGiveRightResults) {
  const Running r(add_plan(), kWeights);
  for (const int64_t n : {3, 100, 1, 57, 100, 2}) {
    Tensor x(DType::f32, {n, 2});
    for (int64_t i = 0; i < 2 * n; ++i) x.data<float>()[i] = float(i * n);
    r.bind("x", x);
    r.run();
    const Tensor y = *r->output("y");
    for (int64_t i = 0; i < 2 * n; ++i)
      ASSERT_EQ(y.data<float>()[i], -(float(i * n) + kWeights[size_t(i % 2)]));
  }
}

TEST(Context, TellsOutputDimsBeforeTheRun) {
  const Running r(add_plan(), kWeights);
  EXPECT_THAT(r->output_dims("y").status().to_string(), HasSubstr("input x is not bound"));
  r.bind("x", Tensor(DType::f32, {7, 2}));
  EXPECT_EQ(*r->output_dims("y"), (Dims{7, 2}));
  EXPECT_THAT(r->output_dims("x").status().to_string(), HasSubstr("x is an input, expected an output"));
}

TEST(Context, AnOldResultIsNotShownUnderANewShape) {
  const Running r(add_plan(), kWeights);
  r.bind("x", Tensor(DType::f32, {1, 2}));
  EXPECT_EQ(r.output("y"), "output y is asked for before a run with these shapes");
  r.run();
  r.bind("x", Tensor(DType::f32, {50, 2}));
  EXPECT_TRUE(r->output_dims("y").ok());
  EXPECT_EQ(r.output("y"), "output y is asked for before a run with these shapes");
}

TEST(Context, BindChecksWhatItIsGiven) {
  PlanMaker m;
  m.size("N", 1, 2, 8);
  const uint32_t x = m.input("x", "f32[N, 4]"), y = m.output("y", "f32[N, 4]");
  m.step("fake.copy", {x}, {y});
  const Running r(m.plan());
  EXPECT_EQ(r.bind_error("z", Tensor(DType::f32, {1, 4})),
            "no input or output is named \"z\"; there are x, y");
  EXPECT_EQ(r.bind_error("x", Tensor(DType::i64, {1, 4})), "input x is i64[1, 4], expected f32[N, 4]");
  EXPECT_EQ(r.bind_error("x", Tensor(DType::f32, {4})), "input x is f32[4], expected f32[N, 4]");
  EXPECT_EQ(r.bind_error("x", Tensor(DType::f32, {1, 5})),
            "input x has shape [1, 5], expected [N, 4]: dim 1 is 5, not 4");
  EXPECT_EQ(r.bind_error("x", Tensor(DType::f32, {9, 4})), "dim 0 of input x is 9, expected N from 1 to 8");
  EXPECT_EQ(r.bind_error("x", Tensor(DType::f32, {0, 4})), "dim 0 of input x is 0, expected N from 1 to 8");
  EXPECT_EQ(r.bind_error("x", Tensor::view(DType::f32, {1, 4}, nullptr, nullptr)), "input x has no data");
  EXPECT_EQ(r.bind_error("x", Tensor::view(DType::f32, {-1, 4}, nullptr, nullptr)), "dim 0 of input x is -1");
  EXPECT_EQ(r.bind_error("y", Tensor(DType::f16, {1, 4})), "output y is f16[1, 4], expected f32[N, 4]");
  r.bind("x", Tensor(DType::f32, {2, 4}));
  r.bind("y", Tensor(DType::f32, {3, 4}));
  EXPECT_EQ(r.run_error(), "the memory bound to output y has shape [3, 4], expected [2, 4]");
  r.bind("y", Tensor(DType::f32, {2, 4}));
  r.run();
}

TEST(Context, InputsMustAgreeOnTheirSymbols) {
  PlanMaker m;
  const uint32_t a = m.input("a", "f32[N]"), b = m.input("b", "f32[N]"), c = m.input("c", "f32[2*N + 1]");
  const uint32_t y = m.output("y", "f32[N]");
  m.step("fake.sum", {a, b, c}, {y});
  const Running r(m.plan());
  r.bind("a", floats({1, 2}));
  EXPECT_EQ(r.run_error(), "input b is not bound");
  r.bind("b", floats({1, 2, 3}));
  r.bind("c", floats({1, 1, 1, 1, 1}));
  EXPECT_EQ(r.run_error(), "dim 0 of input b is 3, but N is 2 elsewhere");
  r.bind("b", floats({1, 2}));
  r.run();
  EXPECT_EQ(r.output("y"), "f32[2] {3, 5}");
  r.bind("c", floats({1, 1}));
  EXPECT_EQ(r.run_error(), "input c has shape [2], expected [2*N + 1]: dim 0 is 2, not 5");
  EXPECT_EQ(r.output("y"), "output y is asked for before a run with these shapes");
}

TEST(Context, SizesThatAModelExcludesAreErrors) {
  PlanMaker m;
  const uint32_t x = m.input("x", "f32[N]"), k = m.input("k", "f32[K]"), y = m.output("y", "f32[floor(N/K)]");
  m.step("fake.sum", {x, k}, {y});
  const Running r(m.plan());
  r.bind("x", floats({1, 2}));
  r.bind("k", floats({}));
  EXPECT_EQ(r.run_error(), "floor(N/K) in 4*floor(N/K) divides by 0");
}

TEST(Context, EmptyOutputsAreNotLaunched) {
  PlanMaker m;
  const uint32_t x = m.input("x", "f32[N]"), t = m.temp("f32[N]"), y = m.output("y", "f32[N]");
  m.step("fake.double", {x}, {t});
  m.step("fake.negate", {t}, {y});
  const Running r(m.plan());
  r.bind("x", floats({}));
  r.journal();
  r.run();
  EXPECT_THAT(r.journal(), IsEmpty());
  EXPECT_EQ(r.output("y"), "f32[0] {}");
  r.bind("x", floats({1}));
  r.run();
  EXPECT_EQ(r.output("y"), "f32[1] {-2}");
}

TEST(Context, AbsentInputsAreNull) {
  PlanMaker m;
  const uint32_t x = m.input("x", "f32[2]"), y = m.output("y", "f32[2]");
  m.step("fake.sum", {x, kNone, x}, {y, kNone});
  const Running r(m.plan());
  r.bind("x", floats({1, 2}));
  r.journal();
  r.run();
  EXPECT_EQ(r.output("y"), "f32[2] {2, 4}");
  EXPECT_EQ(r.journal()[0], "prepare sum f32[2] _ f32[2] -> f32[2] _");
}

TEST(Context, ScalarsAndPartsOfBuffers) {
  // Two halves of one buffer are written as parts of a concatenation, and read through strides.
  PlanMaker m;
  const uint32_t x = m.input("x", "f32[N]"), whole = m.temp("f32[2*N]");
  const uint32_t first = m.view(whole, "f32[N]"), second = m.view(whole, "f32[N]", 4 * Dim::symbol("N"));
  const uint32_t columns = m.view(whole, "f32[N, 2]", 0, {1, Dim::symbol("N")}),
                 y = m.output("y", "f32[N, 2]");
  m.step("fake.copy", {x}, {first});
  m.step("fake.plus_scalar", {x}, {second}).scalars = {10 * Dim::symbol("N")};
  m.step("fake.copy", {columns}, {y});
  const Running r(m.plan());
  r.bind("x", floats({1, 2, 3}));
  r.run();
  EXPECT_EQ(r.output("y"), "f32[3, 2] {1, 31, 2, 32, 3, 33}");
}

TEST(Context, OutputsThatAreSomethingElse) {
  PlanMaker m;
  m.size("N", 2, 3, 8);
  const uint32_t x = m.input("x", "f32[N]"), w = m.weight("f32[2]", 0), t = m.temp("f32[N]");
  const uint32_t part = m.view(t, "f32[1]", 4);
  m.step("fake.double", {x}, {t});
  m.output_is("same", x);
  m.output_is("weight", w);
  m.output_is("twice", t);
  m.output_is("second", part);
  const Running r(m.plan(), kWeights);
  r.bind("x", floats({1, 2, 3}));
  r.run();
  EXPECT_EQ(r.output("same"), "f32[3] {1, 2, 3}");
  EXPECT_EQ(r.output("weight"), "f32[2] {10, 20}");
  EXPECT_EQ(r.output("twice"), "f32[3] {2, 4, 6}");
  EXPECT_EQ(r.output("second"), "f32[1] {4}");
  Tensor same = floats({0, 0, 0}), weight = floats({0, 0});
  r.bind("same", same);
  r.bind("weight", weight);
  r.run();
  EXPECT_EQ(same.to_string(), "f32[3] {1, 2, 3}");
  EXPECT_EQ(weight.to_string(), "f32[2] {10, 20}");
}

TEST(Context, OutputsOutliveTheContext) {
  Tensor y, weight;
  {
    PlanMaker m;
    const uint32_t x = m.input("x", "f32[2]"), w = m.weight("f32[2]", 0), out = m.output("y", "f32[2]");
    m.step("fake.add", {x, w}, {out});
    m.output_is("weight", w);
    const Running r(m.plan(), kWeights);
    r.bind("x", floats({1, 2}));
    r.run();
    y = *r->output("y");
    weight = *r->output("weight");
  }
  EXPECT_EQ(y.to_string(), "f32[2] {11, 22}");
  EXPECT_EQ(weight.to_string(), "f32[2] {10, 20}");
}

TEST(Context, InPlaceStepsAndWorkspaces) {
  PlanMaker m;
  const uint32_t x = m.input("x", "f32[3]"), t = m.temp("f32[3]"), y = m.output("y", "f32[3]");
  m.step("fake.double", {x}, {t}, "workspace 1000");
  m.step("fake.negate", {t}, {t}, "workspace 64");
  m.step("fake.copy", {t}, {y});
  const Running r(m.plan());
  r.bind("x", floats({1, 2, 3}));
  r.run();
  EXPECT_EQ(r.output("y"), "f32[3] {-2, -4, -6}");
  EXPECT_EQ(r->arena_bytes(), 12 + 1000);
}

TEST(Context, ErrorsOfStepsNameThem) {
  PlanMaker m;
  const uint32_t x = m.input("x", "f32[N]"), y = m.output("y", "f32[N]");
  m.step("fake.copy", {x}, {y}, "fails to prepare");
  const Running r(m.plan());
  r.bind("x", floats({1}));
  EXPECT_EQ(r.run_error(),
            "the fake kernel does not like these shapes\n  while preparing step 0 (copy) from /copy0");
  PlanMaker n;
  const uint32_t a = n.input("a", "f32[N]"), b = n.output("b", "f32[N]");
  n.step("fake.double", {a}, {b}, "fails to run");
  const Running s(n.plan());
  s.bind("a", floats({1}));
  EXPECT_EQ(s.run_error(), "the fake kernel fails as it should\n  in step 0 (double) from /double0");
  EXPECT_EQ(s.output("b"), "output b is asked for before a run with these shapes");
}

TEST(Context, NoMemoryIsAnErrorAndTheContextGoesOn) {
  const Running r(add_plan(), kWeights);
  r.devices.fake->most_bytes = 256;
  r.bind("x", Tensor(DType::f32, {100, 2}));
  EXPECT_EQ(r->run().code(), Code::out_of_memory);
  r.bind("x", floats({1, 2}, {1, 2}));
  r.run();
  EXPECT_EQ(r.output("y"), "f32[1, 2] {-11, -22}");
}

TEST(Context, ProfilesItsSteps) {
  const Running r(add_plan(), kWeights);
  r.bind("x", Tensor(DType::f32, {100, 2}));
  r->set_profiling(true);
  r.run();
  ASSERT_EQ(r->step_times().size(), 2U);
  EXPECT_EQ(r->step_times()[1].step, 1U);
  EXPECT_GT(r->step_times()[0].microseconds, 0);
}

TEST(Context, ValuesMadeWhileRunning) {
  // K = the number of positive elements; what depends on it is prepared again only when it changes.
  PlanMaker m;
  const uint32_t x = m.input("x", "f32[N]"), v = m.value("f32[K]"), t = m.temp("f32[K]"),
                 u = m.temp("f32[N]");
  const uint32_t y = m.output("y", "f32[K]"), z = m.output("z", "f32[N]");
  m.step("fake.positive", {x}, {v});
  m.defines("K", 0, 0);
  m.step("fake.double", {v}, {t});
  m.step("fake.negate", {x}, {u});
  m.step("fake.plus_scalar", {t}, {y}).scalars = {Dim::symbol("K")};
  m.step("fake.copy", {u}, {z});
  const Running r(m.plan());
  r.bind("x", floats({1, -2, 3}));
  EXPECT_THAT(r->output_dims("y").status().to_string(),
              HasSubstr("the shape of output y, [K], is known only after a run"));
  EXPECT_EQ(*r->output_dims("z"), Dims{3});
  r.journal();
  r.run();
  EXPECT_EQ(r.output("y"), "f32[2] {4, 8}");
  EXPECT_EQ(r.output("z"), "f32[3] {-1, 2, -3}");
  EXPECT_THAT(r.journal(), ElementsAre("make positive", "prepare double f32[2] -> f32[2]",
                                       "prepare plus_scalar f32[2] -> f32[2] 2", "run double", "run negate",
                                       "run plus_scalar", "run copy"));
  r.bind("x", floats({5, 6, -1}));
  r.run();
  EXPECT_EQ(r.output("y"), "f32[2] {12, 14}");
  EXPECT_THAT(r.journal(),
              ElementsAre("make positive", "run double", "run negate", "run plus_scalar", "run copy"));
  r.bind("x", floats({-5, -6, -1}));
  r.run();
  EXPECT_EQ(r.output("y"), "f32[0] {}");
  EXPECT_THAT(r.journal(), ElementsAre("make positive", "run negate", "run copy"));
  r.bind("x", floats({1, 2, 3}));
  Tensor bound = floats({0, 0});
  r.bind("y", bound);
  EXPECT_THAT(r.run_error(), HasSubstr("the memory bound to output y has shape [2], expected [3]"));
  r.bind("x", floats({1, -2, 3}));
  r.run();
  EXPECT_EQ(bound.to_string(), "f32[2] {4, 8}");
}

TEST(Context, AMadeValueMayBeAnOutput) {
  PlanMaker m;
  m.size("K", 0, 1, 2);
  const uint32_t x = m.input("x", "f32[N]"), v = m.value("f32[K]"), first = m.view(v, "f32[1]");
  const uint32_t y = m.output("y", "f32[1]");
  m.step("fake.positive", {x}, {v});
  m.defines("K", 0, 0);
  m.step("fake.copy", {first}, {y});
  m.output_is("all", v);
  const Running r(m.plan());
  r.bind("x", floats({-1, 7, 8}));
  r.run();
  EXPECT_EQ(r.output("all"), "f32[2] {7, 8}");
  EXPECT_EQ(r.output("y"), "f32[1] {7}");
  r.bind("x", floats({1, 7, 8}));
  EXPECT_EQ(r.run_error(), "the step made K = 3, expected 0 to 2\n  in step 0 (positive) from /positive0");
  r.bind("x", floats({-1}));
  EXPECT_EQ(r.run_error(),
            "view 2 of type f32[1] takes 4 bytes at 0, its value has 0\n  in step 1 (copy) from /copy1");
}

TEST(Context, AMadeValueThatIsAnInputOfItsStepIsCopied) {
  PlanMaker m;
  const uint32_t x = m.input("x", "f32[2]"), t = m.temp("f32[2]"), v = m.value("f32[2]"),
                 u = m.temp("f32[2]");
  const uint32_t y = m.output("y", "f32[2]");
  m.step("fake.double", {x}, {t});
  m.step("fake.same", {t}, {v});
  m.step("fake.one", {x}, {u});  // takes the place of t in the arena
  m.step("fake.add", {v, u}, {y});
  const Running r(m.plan());
  r.bind("x", floats({1, 2}));
  r.run();
  EXPECT_EQ(r.output("y"), "f32[2] {3, 5}");
}

TEST(Context, MakersMayWriteIntoPlannedMemory) {
  PlanMaker m;
  const uint32_t x = m.input("x", "f32[2]"), t = m.temp("f32[2]"), y = m.output("y", "f32[2]");
  m.step("fake.same", {x}, {t});
  m.step("fake.same", {t}, {y});
  const Running r(m.plan());
  r.bind("x", floats({1, 2}));
  r.run();
  EXPECT_EQ(r.output("y"), "f32[2] {1, 2}");
  PlanMaker n;
  const uint32_t a = n.input("a", "f32[3]"), b = n.output("b", "f32[2]");
  n.step("fake.same", {a}, {b});
  const Running s(n.plan());
  s.bind("a", floats({1, 2, 3}));
  EXPECT_THAT(s.run_error(), HasSubstr("the step made [3], expected [2]"));
}

TEST(Context, MakersThatMakeSomethingElse) {
  PlanMaker m;
  const uint32_t x = m.input("x", "f32[N]"), v = m.value("f32[K]");
  m.step("fake.wrong_type", {x}, {v});
  m.defines("K", 0, 0);
  m.output_is("y", v);
  const Running r(m.plan());
  r.bind("x", floats({1}));
  EXPECT_EQ(r.run_error(),
            "output 0 of the step is i64[1], expected f32[K]\n  in step 0 (wrong_type) from /wrong_type0");
}

TEST(Context, ConcatenationOfRunTimeSizes) {
  PlanMaker m;
  const uint32_t x = m.input("x", "f32[N]"), v = m.value("f32[K]"), whole = m.value("f32[N + K]");
  const uint32_t first = m.view(whole, "f32[N]"), second = m.view(whole, "f32[K]", 4 * Dim::symbol("N"));
  const uint32_t y = m.output("y", "f32[N + K]");
  Plan plan = [&] {
    m.step("fake.positive", {x}, {v});
    m.defines("K", 0, 0);
    m.step("fake.copy", {x}, {first});
    m.step("fake.copy", {v}, {second});
    m.step("fake.double", {whole}, {y});
    return m.plan();
  }();
  plan.buffers[plan.views[whole].buffer].bytes = 4 * (Dim::symbol("N") + Dim::symbol("K"));
  const Running r(plan);
  r.bind("x", floats({-1, 7, 8}));
  r.run();
  EXPECT_EQ(r.output("y"), "f32[5] {-2, 14, 16, 14, 16}");
}

TEST(Context, Strings) {
  PlanMaker m;
  const uint32_t x = m.input("x", "string[N]"), t = m.value("string[N]"), y = m.output("y", "string[N]");
  m.step("fake.shout", {x}, {t});
  m.step("fake.shout", {t}, {y});
  m.output_is("once", t);
  const Running r(m.plan());
  r.bind("x", Tensor::of_strings({2}, {"a", "b"}));
  r.run();
  EXPECT_EQ(r->output("y")->strings(), (std::vector<std::string>{"a!!", "b!!"}));
  EXPECT_EQ(r->output("once")->strings(), (std::vector<std::string>{"a!", "b!"}));
  Tensor bound = Tensor::of_strings({1}, {""});
  r.bind("x", Tensor::of_strings({1}, {"c"}));
  r.bind("y", bound);
  r.run();
  EXPECT_EQ(bound.strings()[0], "c!!");
}

}  // namespace
}  // namespace rekindle
