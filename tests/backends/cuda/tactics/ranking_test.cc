// How well the cost model ranks the tiles of a product: against a record of all of them measured on one GPU.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "backends/cuda/tactics/cost_model.h"
#include "base/file.h"
#include "base/json.h"

namespace rekindle::cuda {
namespace {

struct Measured {
  double microseconds = 0, predicted = 0, estimated = 0;  // estimated: before the assembler has spoken
};
struct Problem {
  std::string name;
  std::vector<Measured> tiles;
};

double number(const Json& json, const char* key) { return json.at(key).get<double>(); }

Measured measured_of(const Json& shape, const Json& tile, const GpuDescription& gpu) {
  SimtWork work;
  work.rows = number(shape, "rows"), work.columns = number(shape, "columns");
  work.depth = number(shape, "depth");
  work.m = tile["tile"][0], work.n = tile["tile"][1], work.k = tile["tile"][2];
  work.thread_m = tile["tile"][3], work.thread_n = tile["tile"][4];
  work.splits = number(tile, "splits");
  BlockResources block;
  block.threads = work.m / work.thread_m * (work.n / work.thread_n);
  block.shared_bytes = int64_t(number(tile, "shared_bytes"));
  block.registers = estimated_simt_registers(work, int64_t(number(tile, "min_blocks")));
  const auto estimated = predict_simt(gpu, work, block);
  block.registers = number(tile, "registers");
  block.spill_bytes = number(tile, "spill_bytes");
  const auto predicted = predict_simt(gpu, work, block);
  EXPECT_TRUE(estimated.ok() && predicted.ok());
  return {number(tile, "us"), predicted.ok() ? predicted->microseconds : 1e30,
          estimated.ok() ? estimated->microseconds : 1e30};
}

std::vector<Problem> record() {
  std::vector<Problem> problems;
  const auto text = read_file("tests/backends/cuda/tactics/sweep_h200.json");
  EXPECT_TRUE(text.ok()) << text.status().message();
  if (!text.ok()) return problems;
  const auto json = parse_json(*text);
  EXPECT_TRUE(json.ok()) << json.status().message();
  if (!json.ok()) return problems;
  const auto gpu = find_gpu(json->at("target").get<std::string>());
  EXPECT_TRUE(gpu);
  for (const Json& shape : json->at("shapes")) {
    Problem problem;
    problem.name =
        shape.at("rows").dump() + "x" + shape.at("columns").dump() + "x" + shape.at("depth").dump();
    for (const Json& tile : shape.at("tiles")) problem.tiles.push_back(measured_of(shape, tile, *gpu));
    problems.push_back(std::move(problem));
  }
  return problems;
}

/// The best time among the first `count` by prediction, as a multiple of the best of all.
double regret(Problem problem, size_t count, double Measured::*prediction) {
  std::stable_sort(problem.tiles.begin(), problem.tiles.end(),
                   [&](const Measured& a, const Measured& b) { return a.*prediction < b.*prediction; });
  double best = 1e30, chosen = 1e30;
  for (size_t i = 0; i < problem.tiles.size(); ++i) {
    best = std::min(best, problem.tiles[i].microseconds);
    if (i < count) chosen = std::min(chosen, problem.tiles[i].microseconds);
  }
  return chosen / best;
}

/// Geometric mean over the problems; each is printed, so that a failure says where.
double mean_regret(const std::vector<Problem>& problems, size_t count, double Measured::*prediction) {
  double sum = 0;
  for (const Problem& problem : problems) {
    const double one = regret(problem, count, prediction);
    std::printf("  top %zu  %-18s %.3f\n", count, problem.name.c_str(), one);
    sum += std::log(one);
  }
  return std::exp(sum / double(problems.size()));
}

TEST(Ranking, the_record_is_large_enough) {
  const std::vector<Problem> problems = record();
  ASSERT_GE(problems.size(), 12u);
  for (const Problem& problem : problems) EXPECT_GE(problem.tiles.size(), 10u) << problem.name;
}

TEST(Ranking, the_first_choice_is_within_a_tenth_of_the_best) {
  const std::vector<Problem> problems = record();
  ASSERT_FALSE(problems.empty());
  EXPECT_LE(mean_regret(problems, 1, &Measured::predicted), 1.10);
}

TEST(Ranking, the_best_of_three_is_within_three_hundredths) {
  const std::vector<Problem> problems = record();
  ASSERT_FALSE(problems.empty());
  EXPECT_LE(mean_regret(problems, 3, &Measured::predicted), 1.03);
}

/// What is compiled is chosen before there are registers: the best must be among the four.
TEST(Ranking, estimated_registers_lose_little) {
  const std::vector<Problem> problems = record();
  ASSERT_FALSE(problems.empty());
  EXPECT_LE(mean_regret(problems, 4, &Measured::estimated), 1.03);
}

/// A model that ranks at random would fail: the worst tile is far from the best.
TEST(Ranking, choosing_wrongly_would_cost_much) {
  double sum = 0;
  const std::vector<Problem> problems = record();
  ASSERT_FALSE(problems.empty());
  for (const Problem& problem : problems) {
    double best = 1e30, total = 0;
    for (const Measured& tile : problem.tiles) best = std::min(best, tile.microseconds);
    for (const Measured& tile : problem.tiles) total += std::log(tile.microseconds / best);
    sum += total / double(problem.tiles.size());
  }
  EXPECT_GT(std::exp(sum / double(problems.size())), 1.25);
}

}  // namespace
}  // namespace rekindle::cuda
