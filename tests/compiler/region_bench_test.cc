// What a kernel must do before its time counts, and kernels that are built ahead.
// SPDX-License-Identifier: Apache-2.0
#include "compiler/region_bench.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "compiler/build_ahead.h"
#include "math/elementwise.h"
#include "runtime/fake_device.h"

namespace rekindle {
namespace {

using testing::HasSubstr;

/// y = x + x.
Region twice(int64_t count) {
  Region region;
  const ValueId x = region.body.add_input("x", {DType::f32, {count}});
  region.constants.push_back(nullptr);
  region.body.set_outputs({*region.body.add1(ops::Add{}, {x, x}, "y", "")});
  return region;
}

BuiltKernel fake(const std::string& name, const std::string& params = "") {
  BuiltKernel kernel;
  kernel.image.name = "fake." + name;
  kernel.image.params = params;
  kernel.inputs = {{0, {}}};
  return kernel;
}

struct Bench : testing::TestWithParam<bool> {
  test::FakeDevice device;
  Region region = twice(1000);
  Tensor x{DType::f32, {1000}};
  std::unique_ptr<RegionBench> bench;
  void SetUp() override {
    device.journal.on = false;
    device.records = GetParam();
    for (int64_t i = 0; i < x.count(); ++i) x.data<float>()[i] = float(i % 17) - 8;
    bench = *RegionBench::make(device, region, 1, {x});
  }
  Result<double> measure(const std::string& kernel, const std::string& params = "") const {
    const Tensors expected = *interpret(region.body, std::vector{x});
    return bench->measure(fake(kernel, params), &expected, 1e-3);
  }
};

TEST_P(Bench, ARightKernelHasATime) {
  const auto time = measure("double");
  ASSERT_TRUE(time.ok()) << time.status().message();
  EXPECT_GT(*time, 0);
  EXPECT_TRUE(measure("double", "workspace 100").ok());
  EXPECT_EQ((*bench->run(fake("double")))[0].data<float>()[3], -10);
}

TEST_P(Bench, WrongKernelsHaveNone) {
  EXPECT_THAT(measure("negate").status().message(), HasSubstr("the result is off by"));
  EXPECT_EQ(measure("overrun").status().message(), "the kernel wrote outside its outputs");
  EXPECT_THAT(measure("double", "fails to run").status().message(), HasSubstr("fails as it should"));
  EXPECT_THAT(measure("double", "fails to prepare").status().message(), HasSubstr("does not like"));
}

TEST_P(Bench, AnEarlierKernelsResultIsNotTakenForThisOnes) {
  ASSERT_TRUE(measure("double").ok());
  EXPECT_THAT(measure("idle").status().message(), HasSubstr("element 0 is"));
}

INSTANTIATE_TEST_SUITE_P(RegionBench, Bench, testing::Bool(),
                         [](const auto& info) { return info.param ? "Recorded" : "Called"; });

/// Counts how often it is built.
struct CountingTactic final : Tactic {
  mutable std::atomic<int> builds = 0;
  std::string_view name() const override { return "test.counting"; }
  Result<Space> offer(const Region&, const Target&) const override { return Space(); }
  Result<BuiltKernel> build(const Region&, const Config& config, const Target&) const override {
    ++builds;
    if (config[0].second % 2 == 1) return refuse("odd");
    return BuiltKernel();
  }
};

TEST(BuildAhead, BuildsAllThatItIsGiven) {
  CountingTactic tactic;
  const auto region = std::make_shared<const Region>(twice(4));
  BuildAhead ahead(3, Target());
  for (int64_t i = 0; i < 100; ++i) ahead.add(region, tactic, {{"i", i}});
  while (tactic.builds < 100) std::this_thread::yield();
  EXPECT_EQ(tactic.builds, 100);
}

TEST(BuildAhead, WithoutThreadsItBuildsNothing) {
  CountingTactic tactic;
  BuildAhead ahead(0, Target());
  EXPECT_TRUE(ahead.is_idle());
  ahead.add(std::make_shared<const Region>(twice(4)), tactic, {{"i", 0}});
  EXPECT_EQ(tactic.builds, 0);
}

TEST(BuildAhead, WhatHasNotBegunIsDroppedAtTheEnd) {
  CountingTactic tactic;
  const auto region = std::make_shared<const Region>(twice(4));
  {
    BuildAhead ahead(1, Target());
    for (int64_t i = 0; i < 100000; ++i) ahead.add(region, tactic, {{"i", i}});
  }
  EXPECT_LE(tactic.builds, 100000);  // and the threads have ended
}

}  // namespace
}  // namespace rekindle
