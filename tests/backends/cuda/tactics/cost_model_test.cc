// The cost model: what fits a multiprocessor, and that predictions move the right way.
// SPDX-License-Identifier: Apache-2.0
#include "backends/cuda/tactics/cost_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backends/cuda/code.h"
#include "backends/cuda/tactics/table.h"
#include "math/matmul.h"

namespace rekindle::cuda {
namespace {

using ::testing::HasSubstr;

const GpuDescription& gpu(const char* name) { return *find_gpu(name); }

TEST(CostModel, blocks_that_a_multiprocessor_holds) {
  // By registers: 128 a thread are 4096 a warp, four warps a quarter of 16384.
  EXPECT_EQ(resident_blocks(gpu("p4"), {256, 128, 16640, 0}), 2);
  EXPECT_EQ(resident_blocks(gpu("p4"), {256, 129, 16640, 0}), 1);
  EXPECT_EQ(resident_blocks(gpu("t4"), {256, 32, 0, 0}), 4);       // 32 warps
  EXPECT_EQ(resident_blocks(gpu("t4"), {32, 32, 0, 0}), 16);       // 16 blocks
  EXPECT_EQ(resident_blocks(gpu("v100"), {64, 32, 40000, 0}), 2);  // 96 KiB of shared memory
  EXPECT_EQ(resident_blocks(gpu("a10"), {64, 32, 49152, 0}), 2);   // and 1 KiB reserved for each
  EXPECT_EQ(resident_blocks(gpu("p4"), {64, 32, 50000, 0}), 0);    // more than 48 KiB a block
  EXPECT_EQ(resident_blocks(gpu("p4"), {1024, 255, 0, 0}), 0);
}

SimtWork product(double rows, double columns, double depth, int64_t m, int64_t n, int64_t k, int64_t thread_m,
                 int64_t thread_n) {
  SimtWork work;
  work.rows = rows, work.columns = columns, work.depth = depth;
  work.m = m, work.n = n, work.k = k, work.thread_m = thread_m, work.thread_n = thread_n;
  return work;
}
double microseconds(const char* name, const SimtWork& work, double registers) {
  const int64_t threads = work.m / work.thread_m * (work.n / work.thread_n);
  const auto made =
      predict_simt(gpu(name), work, {threads, registers, 2 * work.k * (work.m + 4 + work.n) * 4, 0});
  EXPECT_TRUE(made.ok()) << made.status().message();
  return made.ok() ? made->microseconds : 0;
}

TEST(CostModel, large_products_come_near_the_peak_and_never_pass_it) {
  for (const auto& g : known_gpus()) {
    const SimtWork work = product(4096, 4096, 4096, 128, 128, 8, 8, 8);
    const double us = microseconds(g->name.c_str(), work, 128);
    const double least = 4096.0 * 4096 * 4096 / g->per_us(GpuMath::f32);
    EXPECT_GT(us, least) << g->name;
    EXPECT_LT(us, 2 * least) << g->name;
  }
}

TEST(CostModel, small_products_want_small_tiles_and_large_ones_large_tiles) {
  for (const char* name : {"p4", "v100", "t4", "h200"}) {
    const double small_by_large = microseconds(name, product(64, 64, 512, 128, 128, 8, 8, 8), 128);
    const double small_by_small = microseconds(name, product(64, 64, 512, 32, 32, 8, 4, 4), 80);
    EXPECT_LT(small_by_small, small_by_large) << name;
    const double large_by_large = microseconds(name, product(8192, 8192, 512, 128, 128, 8, 8, 8), 128);
    const double large_by_small = microseconds(name, product(8192, 8192, 512, 32, 32, 8, 4, 4), 80);
    EXPECT_LT(large_by_large, large_by_small) << name;
  }
}

TEST(CostModel, deep_products_of_few_tiles_want_splits) {
  SimtWork work = product(196, 512, 4608, 64, 64, 8, 8, 8);
  const double whole = microseconds("h200", work, 150);
  work.splits = 8;
  EXPECT_LT(microseconds("h200", work, 150), whole);
  work = product(4096, 4096, 256, 128, 128, 8, 8, 8);
  const double whole_large = microseconds("h200", work, 128);
  work.splits = 8;
  EXPECT_GT(microseconds("h200", work, 128), whole_large);
}

TEST(CostModel, tensor_cores_are_faster_where_there_are_any) {
  MmaWork work;
  work.rows = work.columns = work.depth = 4096;
  work.m = work.n = 128, work.k = 32, work.warp_m = 64, work.warp_n = 32;
  const BlockResources block{256, 128, 32768, 0};
  const auto refused = predict_mma(gpu("p4"), work, block);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.status().message(), HasSubstr("NVIDIA Tesla P4 has no mma_f16"));
  for (const char* name : {"v100", "t4", "a100", "h200"}) {
    const auto made = predict_mma(gpu(name), work, block);
    ASSERT_TRUE(made.ok()) << name;
    EXPECT_LT(made->microseconds, microseconds(name, product(4096, 4096, 4096, 128, 128, 8, 8, 8), 128) / 2)
        << name;
    EXPECT_GT(made->microseconds, 4096.0 * 4096 * 4096 / gpu(name).per_us(GpuMath::mma_f16)) << name;
  }
}

TEST(CostModel, copies_are_bound_by_memory_and_little_ones_by_the_launch) {
  FlatWork work;
  work.threads = 16 << 20, work.instructions = 30;
  work.memory_bytes = work.cache_bytes = 512e6;
  for (const auto& g : known_gpus()) {
    const auto large = predict_flat(*g, work, {256, 24, 0, 0});
    ASSERT_TRUE(large.ok());
    EXPECT_EQ(large->bound, "memory") << g->name;
    EXPECT_NEAR(large->microseconds, 512e6 / (g->memory * 1e3), 0.25 * large->microseconds) << g->name;
    FlatWork little;
    little.threads = 256, little.instructions = 30, little.memory_bytes = little.cache_bytes = 2048;
    EXPECT_EQ(predict_flat(*g, little, {256, 24, 0, 0})->bound, "launch") << g->name;
  }
}

TEST(CostModel, what_does_not_fit_is_refused) {
  const auto refused = predict_flat(gpu("t4"), FlatWork(), {256, 32, 100000, 0});
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.status().message(), HasSubstr("100000 bytes of shared memory does not fit NVIDIA T4"));
}

BuiltKernel built_with(uint32_t registers, uint32_t spills) {
  BuiltKernel built;
  LaunchParams params;
  params.block = {256};
  params.registers = registers, params.spill_bytes = spills, params.static_shared_bytes = 16640;
  built.image.params = to_bytes(params);
  return built;
}

TEST(CostModel, the_assemblers_numbers_replace_the_estimate) {
  const BuiltKernel built = built_with(168, 0);
  EXPECT_EQ(resources_of({256, 100, 1, 0}, &built).registers, 168);
  EXPECT_EQ(resources_of({256, 100, 1, 0}, &built).shared_bytes, 16640);
  EXPECT_EQ(resources_of({256, 100, 1, 0}, nullptr).registers, 100);
  const BuiltKernel ptx = built_with(0, 0);  // the driver will assemble it
  EXPECT_EQ(resources_of({256, 100, 1, 0}, &ptx).registers, 100);
  const BuiltKernel spills = built_with(128, 24);
  EXPECT_THAT(check_spills(&spills, *parse_target("cuda:p4")).message(), HasSubstr("spills 24 bytes"));
  EXPECT_TRUE(check_spills(&built, *parse_target("cuda:p4")).ok());
}

/// Every tactic that takes a region has a prediction for every configuration of it, on every GPU.
TEST(CostModel, tactics_predict_all_that_they_offer) {
  Region region;
  const ValueId a = region.body.add_input("a", {DType::f32, {128, 768}});
  const ValueId b = region.body.add_input("b", {DType::f32, {768, 3072}});
  region.constants = {nullptr, std::make_shared<const Tensor>(DType::f32, Dims{768, 3072})};
  const auto y = region.body.add1(ops::Matmul{}, {a, b}, "y", "");
  ASSERT_TRUE(y.ok());
  region.anchor = region.body[*y].producer;
  region.body.set_outputs({*y});
  int predicted = 0;
  for (const auto& g : known_gpus()) {
    const Target target = *parse_target("cuda:" + g->name);
    const double least = 128.0 * 768 * 3072 / g->per_us(GpuMath::f32);
    for (const Tactic* tactic : tactics()) {
      const auto space = tactic->offer(region, target);
      if (!space.ok()) continue;
      for (const Config& config : space->configs(2)) {
        const auto made = tactic->predict(region, config, target, nullptr);
        if (!made.ok()) continue;
        ++predicted;
        EXPECT_GT(made->microseconds, least)
            << tactic->name() << " " << to_string(config) << " on " << g->name;
        EXPECT_LT(made->microseconds, 1e5) << tactic->name() << " " << to_string(config) << " on " << g->name;
        EXPECT_FALSE(made->bound.empty());
      }
    }
  }
  EXPECT_GE(predicted, int(known_gpus().size()) * 10);
}

}  // namespace
}  // namespace rekindle::cuda
