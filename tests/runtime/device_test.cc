// A device with memory of its own: steps that are recorded and replayed, and callers' memory on the device.
// SPDX-License-Identifier: Apache-2.0
#include "runtime/running.h"

namespace rekindle {
namespace {

using test::floats;
using test::PlanMaker;
using test::Running;
using testing::ElementsAre;
using testing::HasSubstr;

/// y = 2x + 2x + 1 and z = -(2x), on the card.
Plan two_branches() {
  PlanMaker m("fake");
  const uint16_t card = m.device("card");
  m.size("N", 1, 4, 64);
  const uint32_t x = m.input("x", "f32[N]"), y = m.output("y", "f32[N]"), z = m.output("z", "f32[N]");
  const auto temp = [&] { return m.temp("f32[N]", card); };
  const uint32_t there = temp(), twice = temp(), sum = temp(), plus = temp(), minus = temp();
  m.copy(x, there).device = card;
  m.step("fake.double", {there}, {twice}).device = card;
  m.step("fake.add", {twice, twice}, {sum}).device = card;
  m.step("fake.negate", {twice}, {minus}, "workspace 64").device = card;
  Step& last = m.step("fake.plus_scalar", {sum}, {plus}, "workspace 64");
  last.device = card;
  last.scalars = {1};
  m.copy(plus, y).device = card;
  m.copy(minus, z).device = card;
  return m.plan();
}

struct Recorded : testing::Test {
  Running r{two_branches()};
  void SetUp() override { r.devices.card->records = true; }
  std::vector<std::string> card() const { return r.devices.card->journal.take(); }
  std::string outputs() const { return r.output("y") + " " + r.output("z"); }
};

TEST_F(Recorded, TheSecondRunRecordsAndTheThirdReplays) {
  r.bind("x", floats({1, 2}));
  r.run();
  EXPECT_EQ(outputs(), "f32[2] {5, 9} f32[2] {-2, -4}");
  EXPECT_THAT(card(), testing::Not(testing::Contains(HasSubstr("record"))));
  r.run();
  EXPECT_THAT(card(), testing::Contains("record double"));
  EXPECT_EQ(outputs(), "f32[2] {5, 9} f32[2] {-2, -4}");
  r.bind("x", floats({3, 4}));  // other memory on the host
  r.run();
  EXPECT_THAT(card(), ElementsAre("card copies in 8", "replay 4", "run double", "run negate", "run add",
                                  "run plus_scalar", "card copies out 8", "card copies out 8"));
  EXPECT_EQ(outputs(), "f32[2] {13, 17} f32[2] {-6, -8}");
}

TEST_F(Recorded, EveryShapeHasItsRecord) {
  for (const int round : {0, 1, 2}) {
    for (const float first : {1.0F, 7.0F}) {
      std::vector<float> values(size_t(first), first);
      r.bind("x", floats(values));
      r.run();
      EXPECT_EQ((*r->output("y")).data<float>()[size_t(first) - 1], 4 * first + 1) << round;
      EXPECT_EQ((*r->output("z")).data<float>()[0], -2 * first) << round;
    }
    const auto lines = card();
    EXPECT_EQ(std::count(lines.begin(), lines.end(), "record add"), round == 1 ? 2 : 0);
    EXPECT_EQ(std::count(lines.begin(), lines.end(), "replay 4"), round == 0 ? 0 : 2);
  }
}

TEST_F(Recorded, MemoryOfTheDeviceIsUsedInPlace) {
  alignas(16) float in[2] = {1, 2}, in2[2] = {5, 6}, out[2] = {}, out2[2] = {};
  const auto bind_array = [&](const char* name, float* data) {
    return r->bind_device(name, DType::f32, {2}, data).to_string();
  };
  EXPECT_EQ(bind_array("x", in), "ok");
  EXPECT_EQ(bind_array("y", out), "ok");
  for (int i = 0; i < 3; ++i) {
    out[0] = 0;
    r.run();
    EXPECT_EQ(out[0], 5);
    EXPECT_EQ(r.output("z"), "f32[2] {-2, -4}");
  }
  card();
  r.run();
  EXPECT_THAT(card(), ElementsAre("replay 4", testing::_, testing::_, testing::_, testing::_,
                                  "card copies out 8"));  // only z, which is the host's
  EXPECT_EQ(bind_array("x", in2), "ok");
  EXPECT_EQ(bind_array("z", out2), "ok");
  r.run();
  const auto lines = card();
  EXPECT_THAT(std::vector<std::string>(lines.begin(), lines.begin() + 3),
              ElementsAre("replace double", "replace negate", "replay 4"));
  EXPECT_EQ(out[1], 25);
  EXPECT_EQ(out2[0], -10);
  EXPECT_THAT(r->output("y").status().message(), HasSubstr("output y is in the memory of a GPU"));
  r.bind("x", floats({1, 1}));
  r.run();
  EXPECT_EQ(out[1], 5);
}

TEST_F(Recorded, MemoryThatDoesNotFitIsRefused) {
  alignas(16) float memory[8] = {};
  EXPECT_EQ(r->bind_device("x", DType::f32, {2}, memory + 1).message(),
            "x is at an address that is no multiple of 16");
  EXPECT_EQ(r->bind_device("x", DType::f32, {2}, nullptr).message(), "x has no data");
  EXPECT_EQ(r->bind_device("x", DType::i32, {2}, memory).message(), "input x is i32[2], expected f32[N]");
  EXPECT_THAT(r->bind_device("w", DType::f32, {2}, memory).message(), HasSubstr("named \"w\""));
  r.bind("x", floats({1, 2, 3}));
  EXPECT_TRUE(r->bind_device("y", DType::f32, {2}, memory).ok());
  EXPECT_THAT(r.run_error(), HasSubstr("the memory bound to output y has shape [2], expected [3]"));
}

TEST_F(Recorded, AFailureNamesTheSteps) {
  PlanMaker m("fake");
  const uint16_t card = m.device("card");
  const uint32_t x = m.input("x", "f32[2]"), y = m.output("y", "f32[2]"), a = m.temp("f32[2]", card),
                 b = m.temp("f32[2]", card), c = m.temp("f32[2]", card);
  m.copy(x, a).device = card;
  m.step("fake.double", {a}, {b}).device = card;
  m.step("fake.negate", {b}, {c}, "fails to run").device = card;
  m.copy(c, y).device = card;
  const Running failing(m.plan());
  failing.devices.card->records = true;
  failing.bind("x", floats({1, 2}));
  EXPECT_THAT(failing.run_error(), HasSubstr("in step 2 (negate)"));
}

TEST_F(Recorded, StepsOfTheHostLieBetweenRecords) {
  PlanMaker m("fake");
  const uint16_t card = m.device("card");
  const uint32_t x = m.input("x", "f32[2]"), y = m.output("y", "f32[2]"), h = m.temp("f32[2]"),
                 g = m.temp("f32[2]");
  std::vector<uint32_t> t;
  for (int i = 0; i < 6; ++i) t.push_back(m.temp("f32[2]", card));
  m.copy(x, t[0]).device = card;
  m.step("fake.double", {t[0]}, {t[1]}).device = card;
  m.step("fake.negate", {t[1]}, {t[2]}).device = card;
  m.copy(t[2], h).device = card;
  m.step("fake.add", {h, x}, {g});
  m.copy(g, t[3]).device = card;
  m.step("fake.double", {t[3]}, {t[4]}).device = card;
  m.step("fake.double", {t[4]}, {t[5]}).device = card;
  m.copy(t[5], y).device = card;
  const Running mixed(m.plan());
  mixed.devices.card->records = true;
  for (const float v : {1.0F, 2.0F, 3.0F}) {
    mixed.bind("x", floats({v, 0}));
    mixed.run();
    EXPECT_EQ((*mixed->output("y")).data<float>()[0], -4 * v);
  }
  // The host reads x too, so memory of the device is fetched for it.
  alignas(16) float in[2] = {5, 6}, out[2] = {};
  EXPECT_TRUE(mixed->bind_device("x", DType::f32, {2}, in).ok());
  EXPECT_TRUE(mixed->bind_device("y", DType::f32, {2}, out).ok());
  mixed.run();
  EXPECT_EQ(out[0], -20);
  EXPECT_EQ(out[1], -24);
}

TEST_F(Recorded, AStreamOfTheCallerCanBeUsed) {
  int somebodys = 0;
  alignas(16) float in[2] = {1, 2}, out[2] = {};
  EXPECT_TRUE(r->bind_device("x", DType::f32, {2}, in).ok());
  EXPECT_TRUE(r->bind_device("y", DType::f32, {2}, out).ok());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(r->enqueue(&somebodys).to_string(), "ok");
  EXPECT_EQ(out[0], 5);
  EXPECT_EQ(r.output("z"), "f32[2] {-2, -4}");
  PlanMaker m;
  const uint32_t x = m.input("x", "f32[2]"), y = m.output("y", "f32[2]");
  m.step("fake.double", {x}, {y});
  const Running host(m.plan());
  EXPECT_EQ(host->enqueue(nullptr).message(), "the engine runs on the host, which has no streams");
  EXPECT_EQ(host->bind_device("x", DType::f32, {2}, in).message(),
            "x is in memory of a GPU, the engine runs on the host");
}

}  // namespace
}  // namespace rekindle
