// Choosing by prediction where no device is: the order, what is compiled, refusals after compiling, and what
// is reported.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <set>

#include "compiler/tune.h"
#include "math/elementwise.h"
#include "tensor/gpu.h"

namespace rekindle {
namespace {

/// Predicts each configuration as it is named; compiling shows that some spill and some are slower.
class Modelled final : public Tactic {
 public:
  Modelled(std::string name, std::vector<int64_t> times) : name_(std::move(name)), times_(std::move(times)) {}
  std::string_view name() const override { return name_; }
  Result<Space> offer(const Region&, const Target&) const override { return Space().axis("us", times_); }
  Result<BuiltKernel> build(const Region&, const Config& config, const Target&) const override {
    built.push_back(config[0].second);
    BuiltKernel kernel;
    kernel.image.name = name_ + to_string(config);
    return kernel;
  }
  Result<Prediction> predict(const Region&, const Config& config, const Target&,
                             const BuiltKernel* kernel) const override {
    const int64_t us = config[0].second;
    if (!has_model) return Prediction();
    if (!kernel) return Prediction{double(us), "memory"};
    if (spills.contains(us)) return refuse("it spills");
    return Prediction{slower.contains(us) ? 1000.0 : double(us), "latency"};
  }
  bool has_model = true;
  std::set<int64_t> spills, slower;  // what compiling shows
  mutable std::vector<int64_t> built;

 private:
  std::string name_;
  std::vector<int64_t> times_;
};

Region relu_region() {
  Region region;
  const ValueId x = region.body.add_input("x", {DType::f32, {1024, 1024}});
  region.constants = {nullptr};
  const auto y = region.body.add1(ops::Relu{}, {x}, "y", "");
  EXPECT_TRUE(y.ok());
  region.body.set_outputs({*y});
  return region;
}

Result<Choice> choose(std::vector<const Tactic*> tactics, int effort, TimingCache& cache) {
  TuneOptions options;
  options.effort = effort;
  Tuner tuner(nullptr, tactics, *parse_target("cuda:t4"), options, cache);
  return tuner.choose(relu_region());
}

TEST(PredictedChoice, without_effort_the_best_prediction_is_built_alone) {
  const Modelled one("one", {50, 40, 60}), other("other", {45, 30, 70});
  TimingCache cache;
  const auto choice = choose({&one, &other}, 0, cache);
  ASSERT_TRUE(choice.ok()) << choice.status().message();
  EXPECT_EQ(choice->tactic, "other");
  EXPECT_EQ(choice->config, "us=30");
  EXPECT_EQ(choice->microseconds, 30);
  EXPECT_TRUE(choice->is_predicted);
  EXPECT_TRUE(one.built.empty());
  EXPECT_EQ(other.built, std::vector<int64_t>{30});
  EXPECT_FALSE(cache.changed());
  // The rivals are reported with their predictions.
  ASSERT_EQ(choice->candidates.size(), 6u);
  EXPECT_EQ(choice->candidates[0].bound, "memory");
  EXPECT_EQ(choice->candidates[1].predicted, 40);
}

TEST(PredictedChoice, with_effort_the_best_four_are_compiled_and_predicted_again) {
  Modelled tactic("one", {60, 10, 50, 20, 40, 30});
  tactic.spills = {10};
  tactic.slower = {20};
  TimingCache cache;
  const auto choice = choose({&tactic}, 1, cache);
  ASSERT_TRUE(choice.ok());
  EXPECT_EQ(choice->config, "us=30");
  const std::vector<int64_t> compiled(tactic.built.begin(), tactic.built.begin() + 4);
  EXPECT_EQ(compiled, (std::vector<int64_t>{10, 20, 30, 40}));
  EXPECT_EQ(choice->candidates[0].bound, "latency");
  bool is_reported = false;
  for (const Candidate& c : choice->candidates)
    is_reported |= c.config == "us=10" && c.refusal == "it spills";
  EXPECT_TRUE(is_reported);
}

TEST(PredictedChoice, one_that_spills_is_better_than_none) {
  Modelled tactic("one", {10, 20});
  tactic.spills = {10, 20};
  TimingCache cache;
  const auto choice = choose({&tactic}, 1, cache);
  ASSERT_TRUE(choice.ok());
  EXPECT_EQ(choice->config, "us=10");
}

TEST(PredictedChoice, every_tactic_keeps_its_best_among_the_candidates) {
  Modelled many("many", {10, 11, 12, 13, 14, 15}), slow("slow", {90, 80});
  many.slower = {10, 11, 12, 13};
  TimingCache cache;
  const auto choice = choose({&many, &slow}, 1, cache);
  ASSERT_TRUE(choice.ok());
  EXPECT_EQ(choice->tactic, "slow");
  EXPECT_EQ(choice->config, "us=80");
}

TEST(PredictedChoice, a_kernel_without_a_model_is_compared_by_the_roofline) {
  Modelled unknown("unknown", {1}), fast("fast", {20}), slow("slow", {1000});
  unknown.has_model = false;
  TimingCache cache;
  EXPECT_EQ(choose({&unknown, &fast}, 0, cache)->tactic, "fast");
  EXPECT_EQ(choose({&unknown, &slow}, 0, cache)->tactic, "unknown");
}

TEST(PredictedChoice, work_and_roofline_are_those_of_the_region) {
  const Modelled tactic("one", {100});
  TimingCache cache;
  const auto choice = choose({&tactic}, 0, cache);
  ASSERT_TRUE(choice.ok());
  EXPECT_EQ(choice->roofline.flop, 1024.0 * 1024);
  EXPECT_EQ(choice->roofline.bytes, 2 * 4.0 * 1024 * 1024);
  EXPECT_TRUE(choice->roofline.is_memory);
  EXPECT_NEAR(choice->roofline.microseconds, 8.0 * 1024 * 1024 / (find_gpu("t4")->memory * 1e3), 1e-9);
}

TEST(PredictedChoice, regions_are_predicted_once) {
  Modelled tactic("one", {10, 20, 30, 40, 50});
  TimingCache cache;
  const std::vector<const Tactic*> tactics{&tactic};
  Tuner tuner(nullptr, tactics, *parse_target("cuda:t4"), {}, cache);
  ASSERT_TRUE(tuner.microseconds(relu_region()).ok());
  const size_t compiled = tactic.built.size();
  EXPECT_EQ(*tuner.microseconds(relu_region()), 10);
  EXPECT_EQ(tactic.built.size(), compiled);
}

}  // namespace
}  // namespace rekindle
