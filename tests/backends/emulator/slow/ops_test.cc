// Every line of tests/ops/*.cases for which a tactic of CUDA offers a kernel, run on the emulator against the
// reference.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "backends/cuda/compiler.h"
#include "backends/cuda/tactics/table.h"
#include "backends/emulator/compiler.h"
#include "backends/emulator/emulated_region.h"
#include "ops/cases.h"
#include "ops/table.h"

namespace rekindle {
namespace {

constexpr int kArchitecture = 61;

/// A node of the op; inputs whose values stand in the line are constants.
Result<Region> region_of_instance(const cases::Case& c, const cases::Instance& run, bool keeps_inputs) {
  Region region;
  std::vector<ValueId> arguments;
  for (size_t i = 0; i < run.inputs.size(); ++i) {
    if (is_absent(run.types[i])) {
      arguments.push_back(ValueId::none);
      continue;
    }
    arguments.push_back(region.body.add_input("x" + std::to_string(i), run.types[i]));
    const bool is_weight = c.inputs[i].value.has_value() || (!keeps_inputs && i > 0);
    region.constants.push_back(is_weight ? std::make_shared<Tensor>(run.inputs[i]) : nullptr);
  }
  RK_TRY(const Types types, run.op.infer(run.types));
  std::vector<std::string> names;
  for (size_t i = 0; i < types.size(); ++i) names.push_back("y" + std::to_string(i));
  RK_TRY(std::vector<ValueId> outputs, region.body.add(run.op, arguments, names, ""));
  region.body.set_outputs(outputs);
  region.anchor = region.body.first();
  return region;
}

struct Work {
  const cases::Case* c;
  cases::Instance run;
  Region region;
  Tensors inputs;
  const Tactic* tactic;
  Config config;
};

/// Every tactic that offers for a run of a line, with its constants and with its inputs as inputs.
void collect(const cases::Case& c, const Target& target, std::vector<Work>& work) {
  if (!c.op || !c.error.empty()) return;
  for (const Bindings& sizes : cases::combinations(c)) {
    auto run = cases::make_instance(c, sizes, DType::f32);
    if (!run.ok()) continue;
    std::set<const Tactic*> seen;
    for (const bool keeps_inputs : {false, true}) {
      auto region = region_of_instance(c, *run, keeps_inputs);
      if (!region.ok()) continue;
      Tensors inputs;
      for (size_t i = 0; i < run->inputs.size(); ++i)
        if (!is_absent(run->types[i])) inputs.push_back(run->inputs[i]);
      for (const Tactic* tactic : cuda::tactics()) {
        const auto space = tactic->offer(*region, target);
        if (!space.ok() || !seen.insert(tactic).second) continue;
        const auto configs = space->configs(0);
        if (!configs.empty()) work.push_back({&c, *run, *region, inputs, tactic, configs[0]});
      }
    }
  }
}

Status run_work(const Work& work, const Target& target) {
  RK_TRY(auto device, open_emulator());
  RK_TRY(const BuiltKernel built, work.tactic->build(work.region, work.config, target));
  RK_TRY(const Tensors wanted, interpret(work.region.body, work.inputs));
  RK_TRY(const Tensors got, run_emulated(*device, work.region, built, work.inputs));
  return expect_close(got, wanted, 1e-4);
}

TEST(EmulatedOps, GiveWhatTheReferencesGive) {
  cuda::set_emulated_compiler(&emulator::host_compiler());
  const auto target = parse_target("emulator:sm_" + std::to_string(kArchitecture));
  ASSERT_TRUE(target.ok());
  std::vector<cases::CaseFile> files;
  for (const auto& path : cases::case_files()) files.push_back(cases::load_cases(path, ops::table()));
  std::vector<Work> work;
  for (const cases::CaseFile& file : files)
    for (const cases::Case& c : file.cases) collect(c, *target, work);
  std::vector<std::string> wrong(work.size());
  std::atomic<size_t> next = 0;
  std::vector<std::thread> workers;
  for (unsigned i = 0; i < std::clamp(std::thread::hardware_concurrency(), 1u, 8u); ++i)
    workers.emplace_back([&] {
      for (size_t k; (k = next++) < work.size();)
        if (const Status status = run_work(work[k], *target); !status.ok())
          wrong[k] = work[k].c->place + ": " + std::string(work[k].tactic->name()) + ": " + status.message() +
                     "\n  in: " + work[k].c->text;
    });
  for (std::thread& w : workers) w.join();
  for (const std::string& text : wrong)
    if (!text.empty()) ADD_FAILURE() << text;
  EXPECT_GE(work.size(), 100u);
}

}  // namespace
}  // namespace rekindle
