// Runs tests/backends/emulator/regions.cases: every kernel that a tactic offers for a region, on the
// emulator, against the reference. "# case: NAME; tactic=cuda.gemm; N=0,1,5; sm=61,75; configs=1", then a
// graph; weights are the inputs whose names start with w. `tactic` must offer, all others that do are run
// too; configs=1 is all that differ from the first in one axis.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <sstream>
#include <thread>

#include "backends/cuda/compiler.h"
#include "backends/cuda/tactics/table.h"
#include "backends/emulator/compiler.h"
#include "backends/emulator/emulated_region.h"
#include "ops/table.h"

namespace rekindle {
namespace {

struct RegionCase {
  std::string name, tactic, text;
  std::vector<int> architectures{61};
  std::vector<std::pair<std::string, std::vector<int64_t>>> symbols;
  int effort = 0;
  double tolerance = 2e-5;
};

std::vector<int64_t> numbers(const std::string& text) {
  std::vector<int64_t> all;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) all.push_back(std::stoll(part));
  return all;
}

void read_options(const std::string& line, RegionCase& c) {
  std::istringstream in(line);
  std::getline(in, c.name, ';');
  for (std::string part; std::getline(in, part, ';');) {
    part.erase(0, part.find_first_not_of(' '));
    const size_t equals = part.find('=');
    const std::string key = part.substr(0, equals), value = part.substr(equals + 1);
    if (key == "tactic")
      c.tactic = value;
    else if (key == "tolerance")
      c.tolerance = std::stod(value);
    else if (key == "configs")
      c.effort = std::stoi(value);
    else if (key == "sm")
      c.architectures.clear();
    else
      c.symbols.emplace_back(key, numbers(value));
    if (key == "sm")
      for (const int64_t sm : numbers(value)) c.architectures.push_back(int(sm));
  }
}

std::vector<RegionCase> read_cases() {
  std::ifstream file(std::string(RK_SOURCE_DIR) + "/tests/backends/emulator/regions.cases");
  EXPECT_TRUE(file.good());
  std::vector<RegionCase> cases;
  const std::string begin = "# case: ";
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(begin)) {
      cases.emplace_back();
      read_options(line.substr(begin.size()), cases.back());
    } else if (!cases.empty()) {
      cases.back().text += line + "\n";
    }
  }
  return cases;
}

std::vector<Bindings> sizes_of(const RegionCase& c) {
  std::vector<Bindings> all{{}};
  for (const auto& [symbol, values] : c.symbols) {
    std::vector<Bindings> longer;
    for (const Bindings& b : all)
      for (const int64_t value : values) longer.push_back(b), longer.back()[symbol] = value;
    all = std::move(longer);
  }
  return all;
}

Target target_of(int sm) {
  auto target = parse_target("emulator:sm_" + std::to_string(sm));
  EXPECT_TRUE(target.ok()) << target.status().message();
  return target.ok() ? *target : Target();
}

/// One kernel for every size of the case.
Status run_kernel(const RegionCase& c, Region& region, const Tactic& tactic, const Config& config,
                  const Target& target) {
  RK_TRY(auto device, open_emulator());
  auto built = tactic.build(region, config, target);
  if (!built.ok()) return built.status();
  for (const Bindings& sizes : sizes_of(c)) {
    region.sizes = sizes;
    std::mt19937 random(3);
    RK_TRY(const Tensors inputs, inputs_of_region(region, random));
    RK_TRY(const Tensors wanted, interpret(region.body, inputs));
    std::string where;
    for (const auto& [symbol, value] : sizes) where += " " + symbol + "=" + std::to_string(value);
    auto got = run_emulated(*device, region, *built, inputs);
    if (!got.ok()) return Status(got.status()).note("with" + where);
    RK_CHECK(expect_close(*got, wanted, c.tolerance).note("with" + where));
  }
  return {};
}

/// What went wrong, a line each.
std::string run_case(const RegionCase& c, std::atomic<int>& kernels) {
  auto body = parse(c.text, ops::table());
  if (!body.ok()) return c.name + ": " + body.status().message() + "\n";
  std::mt19937 random(5);
  auto region = region_of_body(*std::move(body), random);
  if (!region.ok()) return c.name + ": " + region.status().message() + "\n";
  region->sizes = sizes_of(c).back();
  std::string wrong;
  for (const int sm : c.architectures) {
    bool offered = false;
    for (const Tactic* tactic : cuda::tactics()) {
      const auto space = tactic->offer(*region, target_of(sm));
      if (!space.ok() && tactic->name() == c.tactic) wrong += c.name + ": " + space.status().message() + "\n";
      if (!space.ok()) continue;
      offered |= tactic->name() == c.tactic;
      for (const Config& config : space->configs(c.effort)) {
        const Status status = run_kernel(c, *region, *tactic, config, target_of(sm));
        ++kernels;
        if (!status.ok())
          wrong += c.name + ", " + std::string(tactic->name()) + " [" + to_string(config) + "] sm_" +
                   std::to_string(sm) + ": " + status.to_string() + "\n";
      }
    }
    if (!offered && wrong.empty()) wrong += c.name + ": there is no tactic " + c.tactic + "\n";
  }
  return wrong;
}

TEST(EmulatedRegions, GiveWhatTheReferenceGives) {
  cuda::set_emulated_compiler(&emulator::host_compiler());
  const std::vector<RegionCase> cases = read_cases();
  ASSERT_GT(cases.size(), 10u);
  std::vector<std::string> wrong(cases.size());
  std::atomic<size_t> next = 0;
  std::atomic<int> kernels = 0;
  std::vector<std::thread> workers;
  for (unsigned i = 0; i < std::clamp(std::thread::hardware_concurrency(), 1u, 8u); ++i)
    workers.emplace_back([&] {
      for (size_t k; (k = next++) < cases.size();) wrong[k] = run_case(cases[k], kernels);
    });
  for (std::thread& w : workers) w.join();
  for (const std::string& text : wrong)
    if (!text.empty()) ADD_FAILURE() << text;
  EXPECT_GE(kernels.load(), int(cases.size()));
}

}  // namespace
}  // namespace rekindle
