// The compiler from end to end: passes, kernels, plan, and what there is to say about them.
// SPDX-License-Identifier: Apache-2.0
#include "compiler/build.h"

#include <chrono>
#include <optional>

#include "base/json.h"
#include "base/parallel.h"
#include "compiler/ir_section.h"
#include "compiler/lower.h"
#include "compiler/region_bench.h"
#include "passes/passes.h"
#include "plan/arena.h"

namespace rekindle {

namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::set<std::string, std::less<>> input_symbols(const Graph& graph) {
  std::set<std::string, std::less<>> symbols;
  for (ValueId v : graph.inputs)
    for (const Dim& d : graph[v].type.shape) d.collect_symbols(symbols);
  return symbols;
}

/// The size a symbol is taken to have while tuning: the profile's usual value, else a small one.
Bindings usual_sizes(const Graph& graph, const Profile& profile) {
  constexpr int64_t kGuess = 1;
  Bindings sizes;
  for (const std::string& s : input_symbols(graph)) {
    const auto range = profile.find(s);
    sizes[s] = range == profile.end() || range->second.opt <= 0 ? kGuess : range->second.opt;
  }
  return sizes;
}

std::string tuning_json(const std::vector<RegionReport>& regions) {
  Json list = Json::array();
  for (const RegionReport& region : regions) {
    Json entry;
    entry["region"] = region.label;
    entry["origin"] = region.origin;
    entry["tactic"] = region.choice.tactic;
    entry["config"] = region.choice.config;
    const Roofline& roofline = region.choice.roofline;
    entry["flop"] = roofline.flop;
    entry["bytes"] = roofline.bytes;
    if (roofline.microseconds > 0) entry["roofline_us"] = roofline.microseconds;
    const std::vector<Candidate>& all = region.choice.candidates;
    if (!all.empty() && !all.front().bound.empty()) entry["bound"] = all.front().bound;
    Json rivals = Json::array();
    for (const Candidate& c : region.choice.candidates) {
      Json rival;
      rival["tactic"] = c.tactic;
      if (!c.config.empty()) rival["config"] = c.config;
      if (c.refusal.empty())
        rival[c.is_predicted ? "predicted_us" : "measured_us"] = c.microseconds;
      else
        rival["refusal"] = c.refusal;
      if (c.predicted > 0) rival["predicted_us"] = c.predicted;
      if (!c.bound.empty()) rival["bound"] = c.bound;
      rivals.push_back(std::move(rival));
    }
    entry["candidates"] = std::move(rivals);
    list.push_back(std::move(entry));
  }
  return to_text(list, -1);
}

/// What passes ask: the time of a graph that becomes one region.
Result<double> microseconds_of(Graph graph, Tuner& tuner, const Target& target, const Bindings& sizes) {
  PassContext context;
  context.target = target;
  RK_CHECK(passes::fuse(graph, context).status());
  if (graph.node_count() != 1) return Status::error(Code::unsupported, "it is more than one region");
  RK_TRY(const Region region, region_of(graph, graph.first(), sizes));
  return tuner.microseconds(region);
}

/// What the host's kernels make of inputs, which tests compare with the interpreter: it would take longer
/// than all the rest of tuning.
Result<Tensors> results_on_host(const Region& region, const Tensors& inputs, const Backend& host,
                                Tuner& tuner, int threads) {
  const auto choice = tuner.choose(region);
  if (choice.ok() && !choice->makes_outputs) {
    RK_TRY(const auto bench, RegionBench::make(*host.device, region, threads, inputs));
    auto results = bench->run(choice->kernel);
    if (results.ok()) return results;
  }
  return interpret(region.body, inputs);
}

void report_memory(const Plan& plan, CompileReport& report) {
  std::vector<ArenaRequest> requests;
  for (const Buffer& buffer : plan.buffers) {
    const auto bytes = buffer.bytes.as_int();
    if (buffer.place == Place::arena && bytes)
      requests.push_back({*bytes, buffer.first_step, buffer.last_step});
  }
  ArenaLayout layout;
  ArenaPlanner().place(requests, layout);
  report.arena_bytes = layout.bytes;
  report.arena_lower_bound = arena_lower_bound(requests);
}

/// What a device left to the host, and why.
void report_host_steps(const std::vector<RegionReport>& regions, const std::string& device,
                       CompileReport& report) {
  for (const RegionReport& region : regions) {
    if (!region.choice.on_host) continue;
    ++report.host_steps;
    std::string reasons;
    for (const Candidate& c : region.choice.candidates)
      if (!c.refusal.empty() && c.tactic.starts_with(device))
        reasons += (reasons.empty() ? "" : "; ") + c.tactic + ": " + c.refusal;
    report.remarks.push_back(region.label + " (" + region.origin + ") runs on the host: " + reasons);
  }
}

/// Bodies run where the plan that they belong to runs.
void set_place(Plan& plan, const Target& target, const Backend& backend) {
  plan.target = target.name;
  plan.isa = backend.host ? backend.host_target.isa : target.isa;
  plan.devices = {std::string(backend.device ? backend.device->name() : backend.name)};
  if (backend.host) plan.devices.emplace_back(backend.host->device->name());
  for (Plan& body : plan.subplans) set_place(body, target, backend);
}

TuneOptions tune_options(const CompileOptions& options) {
  TuneOptions tune;
  tune.effort = options.effort;
  tune.threads = options.threads;
  tune.bf16 = options.bf16;
  tune.disabled_tactics = options.disabled_tactics;
  return tune;
}

}  // namespace

Result<Compiled> compile(Graph graph, const Backend& backend, const CompileOptions& options) {
  Compiled compiled;
  compiled.report.nodes_imported = int(graph.node_count());
  if (options.keep_ir) compiled.ir = graph_bytes(graph);
  TimingCache own;
  TuneOptions tune = tune_options(options);
  std::optional<Tuner> host_tuner;
  if (backend.host) {
    TuneOptions quick = tune;
    quick.effort = 0;
    host_tuner.emplace(backend.host->device, backend.host->tactics, backend.host_target, quick,
                       options.cache ? *options.cache : own);
    tune.build_threads = usable_cores();
    tune.reference = [&](const Region& region, const Tensors& inputs) {
      return results_on_host(region, inputs, *backend.host, *host_tuner, options.threads);
    };
  }
  Tuner tuner(backend.device, backend.tactics, options.target, tune, options.cache ? *options.cache : own);
  LoweringContext context;
  context.tuner = &tuner;
  context.host_tuner = host_tuner ? &*host_tuner : nullptr;
  context.options = &options;
  context.sizes = usual_sizes(graph, options.profile);

  const auto start = std::chrono::steady_clock::now();
  PassContext passes;
  passes.target = options.target;
  passes.profile = options.profile;
  if (options.fp16) passes.precision = DType::f16;
  passes.budget = options.limit;
  if (options.effort > 0)
    passes.measure = [&](const Graph& one) {
      return microseconds_of(one, tuner, options.target, context.sizes);
    };
  RK_CHECK(run_passes(graph, passes, standard_pipeline(), options.passes));
  compiled.report.remarks = std::move(passes.remarks);
  compiled.report.seconds_passes = seconds_since(start);

  const auto tuning = std::chrono::steady_clock::now();
  const auto symbols = input_symbols(graph);
  RK_TRY(Plan plan, lower(std::move(graph), context, symbols));
  compiled.report.seconds_tuning = seconds_since(tuning);
  compiled.report.remarks.insert(compiled.report.remarks.end(), context.remarks.begin(),
                                 context.remarks.end());

  set_place(plan, options.target, backend);
  for (const auto& [symbol, range] : options.profile)
    if (symbols.contains(symbol)) plan.profile.push_back({symbol, range});
  report_memory(plan, compiled.report);
  compiled.report.kernels = int(plan.steps.size());
  report_host_steps(context.regions, options.target.device, compiled.report);
  compiled.tuning = tuning_json(context.regions);
  compiled.report.regions = std::move(context.regions);
  compiled.code = std::move(context.code);
  compiled.weights = std::move(context.weights).take();
  compiled.report.weight_bytes = int64_t(compiled.weights.size());
  compiled.variant = {options.target, std::move(plan)};
  return compiled;
}

}  // namespace rekindle
