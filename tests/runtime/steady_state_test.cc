// A run after the first with the same shapes takes no memory from the allocator and no lock; a change of
// shape is cheap. SPDX-License-Identifier: Apache-2.0
#include <chrono>

#include "runtime/call_watch.h"
#include "runtime/running.h"

namespace rekindle {
namespace {

using test::floats;
using test::PlanMaker;
using test::Running;
using test::Watch;

/// A chain of `steps` steps over f32[N, M], with a residual every fifth.
Plan chain(int steps) {
  PlanMaker m;
  m.size("M", 1, 16, 4096);
  m.size("N", 1, 1, 64);
  uint32_t v = m.input("x", "f32[N, M]"), kept = v;
  for (int i = 0; i < steps; ++i) {
    const uint32_t next = i + 1 == steps ? m.output("y", "f32[N, M]") : m.temp("f32[N, M]");
    if (i % 5 == 4)
      m.step("fake.add", {v, kept}, {next}), kept = next;
    else
      m.step("fake.copy", {v}, {next});
    v = next;
  }
  return m.plan();
}

TEST(SteadyState, TheWatchSeesAllocationsAndLocks) {
#if RK_WATCHES_CALLS
  const Watch watch;
  const std::unique_ptr<int> memory(new int(5));
  EXPECT_EQ(watch.calls(), 1);
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&mutex);
  pthread_mutex_unlock(&mutex);
  EXPECT_EQ(watch.calls(), 2);
#endif
}

TEST(SteadyState, ARunNeitherAllocatesNorLocks) {
  const Running r(chain(50));
  r.devices.fake->journal.on = false;
  r.bind("x", Tensor(DType::f32, {2, 16}));
  r.run();
  Status status;
  int calls = 0;
  {
    const Watch watch;
    for (int i = 0; i < 10 && status.ok(); ++i) status = r->run();
    calls = watch.calls();
  }
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(calls, 0);
}

TEST(SteadyState, ARunOnADeviceDoesNotOnceItIsRecorded) {
  PlanMaker m;
  const uint16_t card = m.device("card");
  const uint32_t x = m.input("x", "f32[N]"), y = m.output("y", "f32[N]"), z = m.output("z", "f32[N]");
  uint32_t v = m.temp("f32[N]", card);
  m.copy(x, v).device = card;
  for (int i = 0; i < 20; ++i) {
    const uint32_t next = m.temp("f32[N]", card);
    m.step("fake.copy", {v}, {next}).device = card;
    v = next;
  }
  m.copy(v, y).device = card;
  m.copy(v, z).device = card;
  const Running r(m.plan());
  r.devices.card->records = true;
  r.devices.card->journal.on = r.devices.fake->journal.on = false;
  alignas(16) float out[2][4] = {};
  const Dims dims{2};
  r.bind("x", floats({1, 2}));
  r.run();
  r.run();
  for (const int round : {0, 1}) {  // the second with an output in other memory, which changes the record
    EXPECT_TRUE(r->bind_device("y", DType::f32, dims, out[round]).ok());
    r.run();
    Status status;
    int calls = 0;
    {
      const Watch watch;
      for (int i = 0; i < 10 && status.ok(); ++i) status = r->run();
      calls = watch.calls();
    }
    EXPECT_TRUE(status.ok());
    EXPECT_EQ(calls, 0);
    EXPECT_EQ(out[round][1], 2);
  }
}

TEST(SteadyState, BranchesInPlaceDoNotEither) {
  PlanMaker inside;
  const uint32_t a = inside.input("a", "f32[N]"), b = inside.output("b", "f32[N]");
  inside.step("fake.double", {a}, {b});
  PlanMaker m;
  const uint32_t c = m.input("c", "boolean[]"), x = m.input("x", "f32[N]"), y = m.output("y", "f32[N]");
  m.branch({c, x}, {y}, inside.plan(), inside.plan());
  const Running r(m.plan());
  r.devices.fake->journal.on = false;
  r.bind("c", Tensor::scalar<bool>(true));
  r.bind("x", floats({1, 2}));
  r.run();
  Status status;
  int calls = 0;
  {
    const Watch watch;
    status = r->run();
    calls = watch.calls();
  }
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(calls, 0);
}

/// A loop makes its outputs while it runs, so each costs a few small allocations; its iterations cost none.
TEST(SteadyState, IterationsOfALoopDoNotEither) {
  PlanMaker body;
  body.input("i", "i64[]");
  const uint32_t c = body.input("c", "boolean[]"), a = body.input("a", "f32[N]");
  body.output_is("c_out", c);
  const uint32_t next = body.output("next", "f32[N]");
  body.step("fake.double", {a}, {next});
  PlanMaker m;
  const uint32_t count = m.input("count", "i64[]"), x = m.input("x", "f32[N]"), y = m.output("y", "f32[N]");
  m.loop({count, kNone, x}, {y}, 1, body.plan());
  const Running r(m.plan());
  r.devices.fake->journal.on = false;
  r.bind("x", floats({1, 2}));
  for (const int64_t trips : {3, 100}) {
    r.bind("count", Tensor::scalar<int64_t>(trips));
    r.run();
    r.run();  // the places that a carried value moves between all exist now
    Status status;
    int calls = 0;
    {
      const Watch watch;
      status = r->run();
      calls = watch.calls();
    }
    EXPECT_TRUE(status.ok());
    EXPECT_LE(calls, 3) << trips << " iterations";
    if (trips == 3) {
      EXPECT_EQ(r.output("y"), "f32[2] {8, 16}");
    }
  }
}

/// Microseconds of the fastest of many calls: what the work costs when nothing disturbs it.
template <class F> double fastest(int times, F&& call) {
  double best = 1e9;
  for (int i = 0; i < times; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    call(i);
    best = std::min(
        best, std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count());
  }
  return best;
}

TEST(SteadyState, AShapeChangeOf300StepsTakesLessThan200Microseconds) {
  const Running r(chain(300));
  r.devices.fake->journal.on = false;
  std::vector<Tensor> inputs;
  for (int64_t m = 1; m <= 40; ++m) inputs.emplace_back(DType::f32, Dims{1, m});
  // What prepare() of the fake kernel itself costs is not the runtime's; it is measured by preparing as many
  // launches.
  const auto kernel = *r.devices.fake->load({"fake.copy", "", "", 0, 0}, {});
  const ArgShape shape{DType::f32, {1, 16}, {}, true};
  LaunchShapes shapes;
  shapes.inputs = std::span(&shape, 1), shapes.outputs = std::span(&shape, 1);
  const double kernels = fastest(20, [&](int) {
    std::vector<std::unique_ptr<Launch>> launches;
    for (int i = 0; i < 300; ++i) launches.push_back(*kernel->prepare(shapes));
  });
  const double fresh = fastest(40, [&](int i) {
    r.bind("x", inputs[size_t(i)]);
    ASSERT_TRUE(r->output_dims("y").ok());
  });
  const double back = fastest(40,
                              [&](int) {
                                for (const size_t i : {38U, 39U}) {
                                  r.bind("x", inputs[i]);
                                  ASSERT_TRUE(r->output_dims("y").ok());
                                }
                              }) /
                      2;
  RecordProperty("fresh_us", int(fresh));
  RecordProperty("kernels_us", int(kernels));
  RecordProperty("back_us", int(back));
#if RK_WATCHES_CALLS  // sanitizers are slower
  EXPECT_LT(fresh - kernels, 200) << "of which the kernels' own " << kernels;
  EXPECT_LT(back, 30);
#endif
}

}  // namespace
}  // namespace rekindle
