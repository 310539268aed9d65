// One engine, eight threads, a context each: every run gives the bits that one thread alone gets.
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <thread>

#include "runtime/running.h"

namespace rekindle {
namespace {

using test::Devices;
using test::PlanMaker;

/// Shapes from the input and from the run, a branch, weights, the arena.
Plan busy_plan() {
  PlanMaker inside;
  const uint32_t a = inside.input("a", "f32[N]"), b = inside.output("b", "f32[N]");
  inside.step("fake.double", {a}, {b});
  PlanMaker m;
  m.size("N", 1, 8, 64);
  const uint32_t x = m.input("x", "f32[N]"), w = m.weight("f32[2]", 0), t = m.temp("f32[N]"),
                 u = m.temp("f32[N]");
  const uint32_t c = m.input("c", "boolean[]"), v = m.value("f32[K]"), y = m.output("y", "f32[N]"),
                 z = m.output("z", "f32[K]");
  m.step("fake.add", {x, w}, {t}, "workspace 4096");
  m.branch({c, t}, {u}, inside.plan(), inside.plan());
  m.step("fake.positive", {x}, {v});
  m.defines("K", 0, 0);
  m.step("fake.negate", {u}, {y});
  m.step("fake.double", {v}, {z});
  return m.plan();
}

Tensor input_for(int round) {
  Tensor x(DType::f32, {1 + round % 13});
  for (int64_t i = 0; i < x.count(); ++i) x.data<float>()[i] = float((i * 7 + round) % 11) - 5;
  return x;
}

TEST(Concurrency, EightContextsOfOneEngine) {
  constexpr int kThreads = 8, kRuns = 1000;
  const Devices devices;
  devices.fake->journal.on = false;
  const auto engine = test::load_plan(busy_plan(), devices, {10, 20});
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  const auto run_all = [&](const std::function<bool(int, const Tensor&, const Tensor&)>& check) {
    const auto context = (*engine)->create_context({.threads = 1});
    if (!context.ok() || !(*context)->bind("c", Tensor::scalar<bool>(true)).ok()) return false;
    for (int i = 0; i < kRuns; ++i) {
      if (!(*context)->bind("x", input_for(i)).ok() || !(*context)->run().ok()) return false;
      if (!check(i, *(*context)->output("y"), *(*context)->output("z"))) return false;
    }
    return true;
  };
  std::vector<Tensor> ys, zs;
  ASSERT_TRUE(run_all([&](int, const Tensor& y, const Tensor& z) {
    ys.push_back(y.clone()), zs.push_back(z.clone());
    return true;
  }));
  std::atomic<int> passed = 0;
  std::vector<std::thread> workers;
  for (int t = 0; t < kThreads; ++t)
    workers.emplace_back([&] {
      passed += run_all([&](int i, const Tensor& y, const Tensor& z) {
        return y.same_bits(ys[size_t(i)]) && z.same_bits(zs[size_t(i)]);
      });
    });
  for (std::thread& w : workers) w.join();
  EXPECT_EQ(passed, kThreads);
}

}  // namespace
}  // namespace rekindle
