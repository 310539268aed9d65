// Engines: which variant is taken, how kernels are loaded, devices that are not the host.
// SPDX-License-Identifier: Apache-2.0
#include "plan/engine_bytes.h"
#include "runtime/running.h"

namespace rekindle {
namespace {

using test::Devices;
using test::floats;
using test::load_plan;
using test::PlanMaker;
using test::Running;
using testing::ElementsAre;
using testing::HasSubstr;

Plan copy_plan(Isa isa, const std::string& target, const std::string& device = "fake") {
  PlanMaker m(device);
  const uint32_t x = m.input("x", "f32[1]"), y = m.output("y", "f32[1]");
  m.step("fake.copy", {x}, {y});
  Plan plan = m.plan();
  plan.isa = isa, plan.target = target;
  return plan;
}

EngineFile file_of(const std::vector<Plan>& plans) {
  EngineFile file;
  for (const Plan& p : plans) {
    Target target;
    target.device = p.devices[0] == "fake" ? "cpu" : p.devices[0];
    file.variants.push_back({target, p});
  }
  return file;
}

LoadOptions options_for(const Devices& devices, Isa isa = Isa::avx512) {
  LoadOptions options;
  options.open_device = devices.opener();
  options.isa = isa;
  return options;
}

TEST(Engine, TheBestVariantTheMachineCanRun) {
  const Devices devices;
  const std::vector<Plan> plans{copy_plan(Isa::baseline, "cpu:baseline"),
                                copy_plan(Isa::avx512, "cpu:avx512"), copy_plan(Isa::avx2, "cpu:avx2")};
  for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    const auto engine = Engine::from_file(file_of(plans), options_for(devices, isa));
    ASSERT_TRUE(engine.ok());
    EXPECT_EQ((*engine)->plan().isa, isa);
  }
  LoadOptions options = options_for(devices);
  options.variant = 2;
  EXPECT_EQ((*Engine::from_file(file_of(plans), options))->plan().target, "cpu:avx2");
  options.variant = 3;
  EXPECT_EQ(Engine::from_file(file_of(plans), options).status().to_string(),
            "the engine has no variant 3, it has 3");
}

TEST(Engine, RefusesWhatTheMachineLacks) {
  const Devices devices;
  const Status one =
      Engine::from_file(file_of({copy_plan(Isa::avx512, "cpu:avx512")}), options_for(devices, Isa::avx2))
          .status();
  EXPECT_EQ(one.code(), Code::unsupported);
  EXPECT_EQ(one.to_string(), "needs avx512, this machine has avx2\n  in variant cpu:avx512");
  const std::vector<Plan> two{copy_plan(Isa::avx512, "cpu:avx512"),
                              copy_plan(Isa::baseline, "cuda:p4", "cuda")};
  EXPECT_EQ(Engine::from_file(file_of(two), options_for(devices, Isa::avx2)).status().to_string(),
            "no variant of this engine runs here:\n  cuda:p4: there is no device cuda\n"
            "  cpu:avx512: needs avx512, this machine has avx2");
}

TEST(Engine, AnotherDeviceComesBeforeTheHost) {
  const Devices devices;
  const std::vector<Plan> plans{copy_plan(Isa::baseline, "cpu:baseline"),
                                copy_plan(Isa::baseline, "cuda:p4", "cuda")};
  EXPECT_EQ((*Engine::from_file(file_of(plans), options_for(devices)))->plan().target, "cpu:baseline");
}

TEST(Engine, EqualKernelsAreLoadedOnce) {
  PlanMaker m;
  const uint32_t x = m.input("x", "f32[1]"), t = m.temp("f32[1]"), y = m.output("y", "f32[1]");
  m.step("fake.copy", {x}, {t});
  m.step("fake.copy", {t}, {y});
  Plan plan = m.plan();
  plan.kernels.push_back(plan.kernels[0]);
  plan.steps[1].kernel = 1;
  const Running r(plan);
  EXPECT_THAT(r.journal(), ElementsAre("load fake.copy"));
}

TEST(Engine, UnknownKernelsAreNamed) {
  PlanMaker m;
  m.step("fake.nothing", {m.input("x", "f32[1]")}, {m.output("y", "f32[1]")});
  EXPECT_FALSE(load_plan(m.plan(), Devices()).ok());
  PlanMaker n;
  const uint32_t x = n.input("x", "f32[1]"), y = n.output("y", "f32[1]");
  n.step("fake.nothing", {x}, {y});
  EXPECT_EQ(load_plan(n.plan(), Devices()).status().to_string(),
            "the fake device has no kernel fake.nothing\n  while loading kernel fake.nothing\n  in step 0 "
            "(nothing) from "
            "/nothing0\n  in variant fake");
}

TEST(Engine, WhatOnlyTheLoadedKernelTells) {
  PlanMaker defines;
  const uint32_t x = defines.input("x", "f32[N]"), v = defines.value("f32[K]");
  defines.step("fake.copy", {x}, {v});
  defines.defines("K", 0, 0);
  EXPECT_THAT(load_plan(defines.plan(), Devices()).status().to_string(),
              HasSubstr("kernel fake.copy does not make its outputs, so it cannot define K"));
  PlanMaker strings;
  const uint32_t s = strings.input("s", "string[1]"), t = strings.output("t", "string[1]");
  strings.step("fake.copy", {s}, {t});
  EXPECT_THAT(load_plan(strings.plan(), Devices()).status().to_string(),
              HasSubstr("kernel fake.copy works on memory, view 0 is of strings"));
  PlanMaker parts;
  const uint32_t a = parts.input("a", "f32[2]"), half = parts.view(a, "f32[1]", 0, {1}),
                 b = parts.output("b", "f32[1]");
  parts.step("fake.same", {half}, {b});
  EXPECT_THAT(load_plan(parts.plan(), Devices()).status().to_string(),
              HasSubstr("kernel fake.same works on whole tensors, view 1 has strides"));
  PlanMaker twice;
  const uint32_t c = twice.input("c", "f32[2]"), d = twice.value("f32[2]");
  twice.step("fake.same", {c}, {d});
  twice.step("fake.same", {c}, {d});
  EXPECT_THAT(load_plan(twice.plan(), Devices()).status().to_string(),
              HasSubstr("is made by more than one step"));
}

/// x on the host, double and add on the card with a weight, back to the host.
Plan card_plan() {
  PlanMaker m;
  const uint16_t card = m.device("card");
  m.size("N", 1, 2, 8);
  const uint32_t x = m.input("x", "f32[N]"), w = m.weight("f32[2]", 0), there = m.temp("f32[N]", card);
  const uint32_t sum = m.temp("f32[N]", card), y = m.output("y", "f32[N]");
  m.copy(x, there).device = card;
  m.step("fake.add", {there, w}, {sum}).device = card;
  m.copy(sum, y).device = card;
  Plan plan = m.plan();
  plan.buffers[plan.views[w].buffer].device = card;
  return plan;
}

TEST(Engine, DevicesWithMemoryOfTheirOwn) {
  const Running r(card_plan(), {10, 20});
  EXPECT_THAT(r.devices.card->journal.take(), ElementsAre("load fake.add", "card copies in 8"));
  r.bind("x", floats({1, 2, 3, 4}));
  r.run();
  EXPECT_EQ(r.output("y"), "f32[4] {11, 22, 13, 24}");
  EXPECT_THAT(r.devices.card->journal.take(),
              ElementsAre("prepare add f32[4] f32[2] -> f32[4] constant 1", "card copies in 16", "run add",
                          "card copies out 16"));
}

TEST(Engine, BindingsAreOnTheHost) {
  PlanMaker m("card");
  const uint32_t x = m.input("x", "f32[1]"), y = m.output("y", "f32[1]");
  m.step("fake.copy", {x}, {y});
  EXPECT_THAT(load_plan(m.plan(), Devices()).status().to_string(),
              HasSubstr("binding x is on card, expected a host device"));
}

TEST(Engine, MakersRunOnTheHost) {
  PlanMaker m;
  const uint16_t card = m.device("card");
  const uint32_t x = m.input("x", "f32[2]"), a = m.temp("f32[2]", card), b = m.temp("f32[2]", card),
                 y = m.output("y", "f32[2]");
  m.copy(x, a).device = card;
  m.step("fake.same", {a}, {b}).device = card;
  m.copy(b, y).device = card;
  EXPECT_THAT(load_plan(m.plan(), Devices()).status().to_string(),
              HasSubstr("kernel fake.same makes its outputs on card, which is not the host"));
}

TEST(Engine, LoadsAFileAndUsesItsWeightsInPlace) {
  test::SmallEngine small;
  PlanMaker m;
  const uint32_t x = m.input("x", "f32[2]"), w = m.weight("f32[2]", 64), y = m.output("y", "f32[2]");
  m.step("fake.add", {x, w}, {y});
  m.output_is("w", w);
  small.contents.variants[0].plan = m.plan();
  const std::vector<float> weights(64, 3);
  small.weights.assign(reinterpret_cast<const char*>(weights.data()), weights.size() * 4);
  small.point();
  const std::string path = testing::TempDir() + "/rk_runtime_test.engine";
  ASSERT_TRUE(save_engine(small.contents, path).ok());
  const Devices devices;
  const auto engine = Engine::load(path, options_for(devices));
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  const auto context = (*engine)->create_context({.threads = 1});
  ASSERT_TRUE((*context)->bind("x", floats({1, 2})).ok());
  ASSERT_TRUE((*context)->run().ok());
  EXPECT_EQ((*context)->output("y")->to_string(), "f32[2] {4, 5}");
  EXPECT_EQ((*context)->output("w")->raw(), (*engine)->file().weights.data() + 64);
  EXPECT_EQ((*engine)->bindings().size(), 3U);
  std::filesystem::remove(path);
  EXPECT_THAT(Engine::load(path, options_for(devices)).status().to_string(),
              HasSubstr("rk_runtime_test.engine"));
}

}  // namespace
}  // namespace rekindle
