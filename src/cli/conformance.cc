// rekindle conformance: runs a folder of ONNX test cases and counts what passes.
// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <map>
#include <memory>

#include "base/parallel.h"
#include "cli/cases.h"
#include "cli/command.h"
#include "cli/shapes.h"
#include "cli/workers.h"

namespace rekindle::cli {

namespace {

struct Arguments {
  std::string folder, filter, json, pipeline = "engine", memory = "8GiB";
  CaseOptions options;
  WorkerLimits limits;
  int jobs = 0;
  bool verbose = false, quiet = false;
};

/// Reasons without names, shapes and numbers, so that the same trouble of many cases counts as one.
std::string kind_of(const std::string& reason) {
  std::string kind;
  char closing = 0;  // of the name or shape that is being left out
  for (const char c : reason.substr(0, reason.find('\n'))) {
    if (closing != 0) {
      if (c != closing) continue;
      kind += c;
      closing = 0;
    } else if (c == '\'' || c == '"' || c == '[') {
      closing = c == '[' ? ']' : c;
      kind += std::string(1, c) + "…";
    } else if (!std::isdigit(static_cast<unsigned char>(c))) {
      kind += c;
    } else if (kind.empty() || kind.back() != '#') {
      kind += '#';
    }
  }
  return kind.substr(0, 160);
}

void print_reasons(const std::vector<CaseResult>& results, const std::string& status) {
  std::map<std::string, int> counts;
  for (const CaseResult& r : results)
    if (r.status == status) ++counts[kind_of(r.reason)];
  std::vector<std::pair<int, std::string>> sorted;
  for (const auto& [kind, count] : counts) sorted.emplace_back(-count, kind);
  std::sort(sorted.begin(), sorted.end());
  if (sorted.size() > 15) sorted.resize(15);
  if (!sorted.empty()) std::printf("%s, most often\n", status.c_str());
  for (const auto& [count, kind] : sorted) std::printf("  %5d  %s\n", -count, kind.c_str());
}

int count(const std::vector<CaseResult>& results, const std::string& status) {
  return int(
      std::count_if(results.begin(), results.end(), [&](const CaseResult& r) { return r.status == status; }));
}

Json results_json(const std::vector<std::string>& cases, const std::vector<CaseResult>& results,
                  const Arguments& a) {
  Json json;
  json["pipeline"] = a.pipeline;
  json["target"] = a.options.target;
  for (const char* status : {"passed", "failed", "unsupported"}) json[status] = count(results, status);
  json["cases"] = Json::array();
  for (size_t i = 0; i < cases.size(); ++i)
    json["cases"].push_back(
        {{"case", cases[i]}, {"status", results[i].status}, {"reason", results[i].reason}});
  return json;
}

CaseResult result_of(const WorkerOutcome& outcome) {
  if (!outcome.failure.empty()) return {"failed", outcome.failure};
  const size_t end = outcome.output.find('\n');
  if (end == std::string::npos) return {"failed", "the worker said nothing"};
  return {outcome.output.substr(0, end), outcome.output.substr(end + 1)};
}

Result<int> conformance(Arguments a) {
  const auto pipeline = std::find(kPipelineNames.begin(), kPipelineNames.end(), a.pipeline);
  if (pipeline == kPipelineNames.end())
    return Status::error(Code::invalid_argument,
                         "pipeline '" + a.pipeline + "' is none of reference, optimized, engine");
  a.options.pipeline = Pipeline(pipeline - kPipelineNames.begin());
  if (a.jobs < 0 || a.jobs > 1024 || a.options.threads < 1 || !(a.limits.seconds > 0) ||
      !(a.limits.seconds < 1e6))
    return Status::error(Code::invalid_argument,
                         "expected --jobs 0 to 1024, --threads of at least 1, --timeout above 0");
  RK_TRY(a.limits.memory_bytes, parse_bytes(a.memory));
  RK_TRY(const Target target,
         parse_target(a.options.target));  // workers ask the device: a driver does not outlive a fork
  RK_TRY(const auto cases, find_cases(a.folder, a.filter));
  if (cases.empty())
    return Status::error(Code::not_found,
                         "there is no case below " + a.folder + ", expected folders with a model.onnx");
  std::vector<CaseResult> results(cases.size());
  Progress progress(a.quiet);
  int ended = 0;
  const auto work = [&](size_t i) {
    const CaseResult r = run_case(std::filesystem::path(a.folder) / cases[i], a.options);
    return r.status + "\n" + r.reason;
  };
  const auto done = [&](size_t i, const WorkerOutcome& outcome) {
    results[i] = result_of(outcome);
    progress("run " + std::to_string(cases.size()) + " cases", ++ended, int(cases.size()));
  };
  RK_CHECK(run_in_processes(cases.size(), a.jobs > 0 ? a.jobs : usable_cores(), a.limits, work, done));
  progress.finish();
  if (!a.json.empty()) RK_CHECK(write_json(results_json(cases, results, a), a.json));
  const int failed = count(results, "failed");
  if (a.json == "-") return failed == 0 ? kOk : kWrongInput;
  for (size_t i = 0; i < cases.size(); ++i)
    if (results[i].status == "failed" || (a.verbose && results[i].status != "passed"))
      std::printf("%s %s: %s\n", results[i].status.c_str(), cases[i].c_str(), results[i].reason.c_str());
  print_reasons(results, "failed");
  print_reasons(results, "unsupported");
  std::printf("%zu cases: %d passed, %d failed, %d unsupported\n", cases.size(), count(results, "passed"),
              failed, count(results, "unsupported"));
  return failed == 0 ? kOk : kWrongInput;
}

}  // namespace

void add_conformance(CLI::App& app, Command& chosen) {
  auto* command = app.add_subcommand("conformance", "Run ONNX test cases and count what passes");
  auto a = std::make_shared<Arguments>();
  command
      ->add_option("DIR", a->folder, "folder with <case>/model.onnx and test_data_set_*/*.pb, at any depth")
      ->required();
  command->add_option("--target", a->options.target, "what to build for")->capture_default_str();
  command->add_option("--pipeline", a->pipeline, "reference, optimized or engine")->capture_default_str();
  command->add_option("--filter", a->filter, "only cases with this in their path");
  command->add_option("--jobs", a->jobs, "cases at the same time; 0: one a core")->capture_default_str();
  command->add_option("--threads", a->options.threads, "threads of each case")->capture_default_str();
  command->add_option("--timeout", a->limits.seconds, "seconds for each case")->capture_default_str();
  command->add_option("--memory", a->memory, "address space for each case")->capture_default_str();
  command->add_option("--rtol", a->options.tolerance.rtol, "relative tolerance of each value")
      ->capture_default_str();
  command->add_option("--atol", a->options.tolerance.atol, "plus this")->capture_default_str();
  command->add_option("--json", a->json, "write the result of every case; - is stdout");
  command->add_flag("-v,--verbose", a->verbose, "print the reasons of unsupported cases too");
  command->add_flag("-q,--quiet", a->quiet, "no progress");
  command->footer(
      "The exit code is 1 when a case fails; unsupported ones are counted, not failed.\nExample:\n"
      "  rekindle conformance cases --filter node/test_conv --json result.json");
  command->callback([a, &chosen] { chosen.run = [a] { return conformance(*a); }; });
}

}  // namespace rekindle::cli
