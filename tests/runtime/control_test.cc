// Branches and loops.
// SPDX-License-Identifier: Apache-2.0
#include "runtime/running.h"

namespace rekindle {
namespace {

using test::floats;
using test::PlanMaker;
using test::Running;
using testing::ElementsAre;
using testing::HasSubstr;

Tensor truth(bool value) { return Tensor::scalar<bool>(value); }
Tensor number(int64_t value) { return Tensor::scalar<int64_t>(value); }

/// b = kernel(a), both f32[N].
Plan unary(const std::string& kernel) {
  PlanMaker m;
  const uint32_t a = m.input("a", "f32[N]"), b = m.output("b", "f32[N]");
  m.step(kernel, {a}, {b});
  return m.plan();
}

TEST(Branch, RunsOneOfTwoPlansInPlace) {
  PlanMaker m;
  const uint32_t c = m.input("c", "boolean[]"), x = m.input("x", "f32[N]"), t = m.temp("f32[N]"),
                 y = m.output("y", "f32[N]");
  m.branch({c, x}, {t}, unary("fake.double"), unary("fake.negate"));
  m.step("fake.copy", {t}, {y});
  const Running r(m.plan());
  r.bind("c", truth(true));
  r.bind("x", floats({1, 2}));
  r.journal();
  r.run();
  EXPECT_EQ(r.output("y"), "f32[2] {2, 4}");
  EXPECT_THAT(r.journal(), ElementsAre("prepare copy f32[2] -> f32[2]", "prepare double f32[2] -> f32[2]",
                                       "run double", "run copy"));
  r.bind("c", truth(false));
  r.run();
  EXPECT_EQ(r.output("y"), "f32[2] {-1, -2}");
  EXPECT_THAT(r.journal(), ElementsAre("prepare negate f32[2] -> f32[2]", "run negate", "run copy"));
  r.bind("x", floats({3, 2, 1}));
  r.run();
  EXPECT_EQ(r.output("y"), "f32[3] {-3, -2, -1}");
}

TEST(Branch, OutputsMayHaveDifferentShapes) {
  PlanMaker then_maker;
  const uint32_t a = then_maker.input("a", "f32[N]"), k = then_maker.value("f32[K]");
  then_maker.step("fake.positive", {a}, {k});
  then_maker.defines("K", 0, 0);
  then_maker.output_is("b", k);
  PlanMaker else_maker;  // hands its input through
  else_maker.output_is("b", else_maker.input("a", "f32[N]"));
  PlanMaker m;
  const uint32_t c = m.input("c", "boolean[1]"), x = m.input("x", "f32[N]"), t = m.temp("f32[N]"),
                 v = m.value("f32[M]");
  const uint32_t u = m.temp("f32[N]"), y = m.output("y", "f32[M]");
  m.step("fake.double", {x}, {t});
  m.branch({c, t}, {v}, then_maker.plan(), else_maker.plan());
  m.defines("M", 0, 0);
  m.step("fake.one", {x}, {u});  // takes the place of t
  m.step("fake.negate", {v}, {y});
  const Running r(m.plan());
  r.bind("x", floats({1, -2, 3}));
  r.bind("c", Tensor::of<bool>({1}, {true}));
  r.run();
  EXPECT_EQ(r.output("y"), "f32[2] {-2, -6}");
  r.bind("c", Tensor::of<bool>({1}, {false}));
  r.run();
  EXPECT_EQ(r.output("y"), "f32[3] {-2, 4, -6}");
}

TEST(Branch, SymbolsOfTheOuterPlanAreKnownInside) {
  PlanMaker inner;
  const uint32_t a = inner.input("a", "f32[M]"), b = inner.output("b", "f32[M]");
  inner.step("fake.plus_scalar", {a}, {b}).scalars = {100 * Dim::symbol("K")};
  PlanMaker m;
  const uint32_t c = m.input("c", "boolean[]"), x = m.input("x", "f32[N]"), v = m.value("f32[K]"),
                 y = m.output("y", "f32[N]");
  m.step("fake.positive", {x}, {v});
  m.defines("K", 0, 0);
  m.branch({c, x}, {y}, inner.plan(), unary("fake.copy"));
  const Running r(m.plan());
  r.bind("c", truth(true));
  r.bind("x", floats({1, -2, 3}));
  r.run();
  EXPECT_EQ(r.output("y"), "f32[3] {201, 198, 203}");
  r.bind("x", floats({-1, -2, 3}));
  r.run();
  EXPECT_EQ(r.output("y"), "f32[3] {99, 98, 103}");
}

TEST(Branch, ShapesThatDoNotFitAreErrors) {
  PlanMaker inner;
  const uint32_t a = inner.input("a", "f32[2]"), b = inner.output("b", "f32[2]");
  inner.step("fake.copy", {a}, {b});
  PlanMaker m;
  const uint32_t c = m.input("c", "boolean[]"), x = m.input("x", "f32[N]"), y = m.output("y", "f32[N]");
  m.branch({c, x}, {y}, inner.plan(), inner.plan());
  const Running r(m.plan());
  r.bind("c", truth(true));
  r.bind("x", floats({1, 2, 3}));
  EXPECT_EQ(r.run_error(),
            "input a has shape [3], expected [2]: dim 0 is 3, not 2\n  in step 0 from /branch0");
}

/// Body of the loops below: carried a: f32[A] -> next, one scan output. `keep` is the condition kernel.
Plan body(const std::string& kernel, const std::string& scan_kernel = "fake.negate",
          const std::string& keep = "") {
  PlanMaker m;
  const uint32_t i = m.input("i", "i64[]"), c = m.input("c", "boolean[]"), a = m.input("a", "f32[A]");
  if (keep.empty()) {
    m.output_is("c_out", c);
  } else {
    const uint32_t c_out = m.output("c_out", "boolean[]");
    m.step(keep, {i}, {c_out});
  }
  const uint32_t next = m.output("next", "f32[A]"), each = m.output("each", "f32[A]");
  m.step(kernel, {a}, {next});
  m.step(scan_kernel, {a}, {each});
  return m.plan();
}

/// final, scan = loop(count, condition, x).
Plan loop_plan(Plan inside, bool with_count = true, bool with_condition = false) {
  PlanMaker m;
  const uint32_t count = m.input("count", "i64[]"), condition = m.input("condition", "boolean[]");
  const uint32_t x = m.input("x", "f32[N]"), final_value = m.output("final", "f32[N]"),
                 scan = m.value("f32[T, N]");
  m.loop({with_count ? count : kNone, with_condition ? condition : kNone, x}, {final_value, scan}, 1,
         std::move(inside));
  m.defines("T", 1, 0);
  m.output_is("scan", scan);
  return m.plan();
}

TEST(Loop, CarriesValuesAndStacksScans) {
  const Running r(loop_plan(body("fake.double")));
  r.bind("count", number(3));
  r.bind("condition", truth(false));  // not used
  r.bind("x", floats({1, 2}));
  r.run();
  EXPECT_EQ(r.output("final"), "f32[2] {8, 16}");
  EXPECT_EQ(r.output("scan"), "f32[3, 2] {-1, -2, -2, -4, -4, -8}");
  r.bind("count", number(1));
  r.run();
  EXPECT_EQ(r.output("final"), "f32[2] {2, 4}");
  EXPECT_EQ(r.output("scan"), "f32[1, 2] {-1, -2}");
  r.bind("x", floats({1, 2, 3}));
  r.bind("count", number(12));
  r.run();
  EXPECT_EQ(r.output("final"), "f32[3] {4096, 8192, 12288}");
}

TEST(Loop, ZeroTripsGiveTheInitialValues) {
  const Running r(loop_plan(body("fake.double")));
  r.bind("condition", truth(true));
  r.bind("x", floats({1, 2}));
  for (const int64_t count : {0, -5}) {
    r.bind("count", number(count));
    r.run();
    EXPECT_EQ(r.output("final"), "f32[2] {1, 2}");
    EXPECT_EQ(r.output("scan"), "f32[0, 2] {}");
  }
}

TEST(Loop, ConditionsEndIt) {
  const Running r(loop_plan(body("fake.double", "fake.negate", "fake.below_three"), false, true));
  r.bind("count", number(99));  // not used
  r.bind("condition", truth(true));
  r.bind("x", floats({1}));
  r.run();
  EXPECT_EQ(r.output("final"), "f32[1] {8}");
  r.bind("condition", truth(false));
  r.run();
  EXPECT_EQ(r.output("final"), "f32[1] {1}");
  EXPECT_EQ(r.output("scan"), "f32[0, 1] {}");
}

TEST(Loop, WithoutAConditionTheBodysIsNotLookedAt) {
  const Running r(loop_plan(body("fake.double", "fake.negate", "fake.below_three")));
  r.bind("count", number(5));
  r.bind("condition", truth(false));
  r.bind("x", floats({1}));
  r.run();
  EXPECT_EQ(r.output("final"), "f32[1] {32}");
}

TEST(Loop, CarriedValuesMayChangePlaces) {
  // (a, b) -> (b, a): both outputs are inputs handed through.
  PlanMaker inside;
  inside.input("i", "i64[]");
  const uint32_t c = inside.input("c", "boolean[]"), a = inside.input("a", "f32[1]"),
                 b = inside.input("b", "f32[1]");
  inside.output_is("c_out", c);
  inside.output_is("a_out", b);
  inside.output_is("b_out", a);
  PlanMaker m;
  const uint32_t count = m.input("count", "i64[]"), x = m.input("x", "f32[1]"), y = m.input("y", "f32[1]");
  const uint32_t p = m.output("p", "f32[1]"), q = m.output("q", "f32[1]");
  m.loop({count, kNone, x, y}, {p, q}, 2, inside.plan());
  const Running r(m.plan());
  r.bind("x", floats({1}));
  r.bind("y", floats({2}));
  for (const int64_t trips : {0, 1, 2, 3, 4}) {
    r.bind("count", number(trips));
    r.run();
    EXPECT_EQ(r.output("p"), trips % 2 == 0 ? "f32[1] {1}" : "f32[1] {2}") << trips;
    EXPECT_EQ(r.output("q"), trips % 2 == 0 ? "f32[1] {2}" : "f32[1] {1}") << trips;
  }
}

TEST(Loop, CarriedValuesMayGrow) {
  PlanMaker inside;
  inside.input("i", "i64[]");
  const uint32_t c = inside.input("c", "boolean[]"), a = inside.input("a", "f32[A]"),
                 v = inside.value("f32[B]");
  inside.step("fake.append_one", {a}, {v});
  inside.defines("B", 0, 0);
  inside.output_is("c_out", c);
  inside.output_is("next", v);
  PlanMaker m;
  const uint32_t count = m.input("count", "i64[]"), x = m.input("x", "f32[N]"), v_out = m.value("f32[F]");
  const uint32_t y = m.output("y", "f32[F]");
  m.loop({count, kNone, x}, {v_out}, 1, inside.plan());
  m.defines("F", 0, 0);
  m.step("fake.double", {v_out}, {y});
  const Running r(m.plan());
  r.bind("x", floats({5}));
  r.bind("count", number(3));
  r.run();
  EXPECT_EQ(r.output("y"), "f32[4] {10, 2, 2, 2}");
  r.bind("count", number(0));
  r.run();
  EXPECT_EQ(r.output("y"), "f32[1] {10}");
}

TEST(Loop, CapturesAndStringsArePassedToTheBody) {
  PlanMaker inside;
  inside.input("i", "i64[]");
  const uint32_t c = inside.input("c", "boolean[]"), a = inside.input("a", "f32[A]"),
                 s = inside.input("s", "string[1]");
  const uint32_t capture = inside.input("capture", "f32[A]"), s_out = inside.value("string[1]");
  inside.output_is("c_out", c);
  const uint32_t next = inside.output("next", "f32[A]");
  inside.step("fake.add", {a, capture}, {next});
  inside.step("fake.shout", {s}, {s_out});
  inside.output_is("s_out", s_out);
  PlanMaker m;
  const uint32_t count = m.input("count", "i64[]"), x = m.input("x", "f32[N]"), z = m.input("z", "f32[N]");
  const uint32_t text = m.input("text", "string[1]"), y = m.output("y", "f32[N]"), t = m.value("string[1]");
  m.loop({count, kNone, x, text, z}, {y, t}, 2, inside.plan());
  m.output_is("t", t);
  const Running r(m.plan());
  r.bind("count", number(3));
  r.bind("x", floats({1}));
  r.bind("z", floats({10}));
  r.bind("text", Tensor::of_strings({1}, {"a"}));
  r.run();
  EXPECT_EQ(r.output("y"), "f32[1] {31}");
  EXPECT_EQ(r->output("t")->strings()[0], "a!!!");
}

TEST(Loop, LoopsInLoops) {
  // Three times: three times: double.
  PlanMaker inside;
  const uint32_t i = inside.input("i", "i64[]"), c = inside.input("c", "boolean[]"),
                 a = inside.input("a", "f32[A]");
  const uint32_t n = inside.input("n", "i64[]");
  (void)i;
  inside.output_is("c_out", c);
  const uint32_t next = inside.output("next", "f32[A]");
  const uint32_t scan = inside.value("f32[T, A]");
  inside.loop({n, kNone, a}, {next, scan}, 1, body("fake.double"));
  inside.defines("T", 1, 0);
  PlanMaker m;
  const uint32_t count = m.input("count", "i64[]"), x = m.input("x", "f32[N]"), y = m.output("y", "f32[N]");
  m.loop({count, kNone, x, count}, {y}, 1, inside.plan());
  const Running r(m.plan());
  r.bind("count", number(3));
  r.bind("x", floats({1, 3}));
  r.run();
  EXPECT_EQ(r.output("y"), "f32[2] {512, 1536}");
}

TEST(Loop, NeverRunsForEver) {
  ContextOptions options;
  options.most_iterations = 1000;
  const Running counted(loop_plan(body("fake.copy")), {}, options);
  counted.bind("count", number(int64_t(1) << 62));
  counted.bind("condition", truth(true));
  counted.bind("x", floats({1}));
  EXPECT_EQ(
      counted.run_error(),
      "the trip count of the loop is 4611686018427387904, expected at most 1000\n  in step 0 from /loop0");
  const Running endless(loop_plan(body("fake.copy"), false, false), {}, options);
  endless.bind("count", number(1));
  endless.bind("condition", truth(true));
  endless.bind("x", floats({1}));
  EXPECT_THAT(endless.run_error(), HasSubstr("the trip count of the loop is none, expected at most 1000"));
  const Running conditional(loop_plan(body("fake.copy"), false, true), {}, options);
  conditional.bind("count", number(1));
  conditional.bind("condition", truth(true));
  conditional.bind("x", floats({1}));
  EXPECT_THAT(conditional.run_error(),
              HasSubstr("the loops of this run have more iterations than are allowed"));
  counted.bind("count", number(1000));
  counted.run();  // the next run may count from the start again
  counted.run();
}

TEST(Loop, ScansThatChangeTheirShapeAreErrors) {
  PlanMaker inside;
  inside.input("i", "i64[]");
  const uint32_t c = inside.input("c", "boolean[]"), a = inside.input("a", "f32[A]"),
                 v = inside.value("f32[B]");
  inside.step("fake.append_one", {a}, {v});
  inside.defines("B", 0, 0);
  inside.output_is("c_out", c);
  inside.output_is("next", v);
  inside.output_is("each", v);
  PlanMaker m;
  const uint32_t count = m.input("count", "i64[]"), x = m.input("x", "f32[N]"), v_out = m.value("f32[F]");
  const uint32_t scan = m.value("f32[T, E]");
  m.loop({count, kNone, x}, {v_out, scan}, 1, inside.plan());
  m.defines("F", 0, 0);
  m.defines("T", 1, 0);
  m.defines("E", 1, 1);
  m.output_is("scan", scan);
  const Running r(m.plan());
  r.bind("x", floats({5}));
  r.bind("count", number(1));
  r.run();
  EXPECT_EQ(r.output("scan"), "f32[1, 2] {5, 1}");
  r.bind("count", number(0));
  r.run();
  EXPECT_EQ(r.output("scan"), "f32[0, 0] {}");
  r.bind("count", number(2));
  EXPECT_EQ(r.run_error(),
            "scan output 0 has shape [3], in the first iteration it had [2]\n  in iteration 1 of the loop\n  "
            "in step 0 from "
            "/loop0");
}

TEST(Loop, ABranchInALoopKeepsNothingOfTheIterationBefore) {
  // a -> (i < 3 ? positive(a) : a) appended with one: values made by a branch are carried on.
  PlanMaker then_maker;
  const uint32_t a1 = then_maker.input("a", "f32[P]"), k = then_maker.value("f32[K]");
  then_maker.step("fake.append_one", {a1}, {k});
  then_maker.defines("K", 0, 0);
  then_maker.output_is("b", k);
  PlanMaker else_maker;
  const uint32_t a2 = else_maker.input("a", "f32[P]"), b2 = else_maker.output("b", "f32[P]");
  else_maker.step("fake.negate", {a2}, {b2});
  PlanMaker inside;
  const uint32_t i = inside.input("i", "i64[]"), c = inside.input("c", "boolean[]"),
                 a = inside.input("a", "f32[A]");
  const uint32_t keep = inside.temp("boolean[]"), v = inside.value("f32[B]");
  inside.step("fake.below_three", {i}, {keep});
  inside.branch({keep, a}, {v}, then_maker.plan(), else_maker.plan());
  inside.defines("B", 0, 0);
  inside.output_is("c_out", c);
  inside.output_is("next", v);
  PlanMaker m;
  const uint32_t count = m.input("count", "i64[]"), x = m.input("x", "f32[N]"), v_out = m.value("f32[F]");
  m.loop({count, kNone, x}, {v_out}, 1, inside.plan());
  m.defines("F", 0, 0);
  m.output_is("y", v_out);
  const Running r(m.plan());
  r.bind("x", floats({5}));
  r.bind("count", number(2));
  r.run();
  EXPECT_EQ(r.output("y"), "f32[3] {5, 1, 1}");
  r.bind("count", number(5));
  r.run();
  EXPECT_EQ(r.output("y"), "f32[3] {-5, -1, -1}");
}

}  // namespace
}  // namespace rekindle
