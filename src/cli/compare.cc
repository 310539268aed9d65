// rekindle compare: an engine against the references of its model's ops, output by output or layer by layer.
// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <set>

#include "base/parallel.h"
#include "base/printable.h"
#include "cli/agreement.h"
#include "cli/command.h"
#include "cli/load.h"
#include "cli/writable.h"

namespace rekindle::cli {

namespace {

struct Arguments {
  std::string model, engine, json;
  InputArguments inputs;
  OnTheSpot build;
  Tolerance tolerance{1e-6, 1e-4};
  bool layers = false;
};

/// What one output or layer came to.
struct Row {
  std::string name, origin, problem;
  Difference difference;
  bool agrees = false;
  bool exact = false;  // integers: every element must be equal, up to --atol
  int64_t count = 0;
};

/// Errors count by the largest magnitude of the whole tensor: a sum that cancels to nearly nothing is no
/// error of its own.
Row compare_values(const std::string& name, const std::string& origin, const Tensor& got,
                   const Tensor& expected, const Tolerance& t) {
  Row row{name, origin, type_difference(got, expected), {}};
  if (!row.problem.empty()) return row;
  if (got.dtype() == DType::string || is_complex(got.dtype())) {
    row.problem = disagreement(got, expected, t);
    row.agrees = row.problem.empty();
    return row;
  }
  row.difference = difference(got, expected, t);
  const Difference& d = row.difference;
  row.exact = is_exact(expected.dtype());
  row.count = expected.count();
  const double largest = d.relative > 0 && !row.exact ? d.absolute / d.relative : 0;
  row.agrees = d.absolute <= t.atol + t.rtol * largest;
  return row;
}

void print_row(const Row& r) {
  if (!r.problem.empty()) {
    std::printf("%-8s %s: %s\n", "DIFFERS", printable(r.name).c_str(), printable_lines(r.problem).c_str());
    return;
  }
  if (r.exact)
    std::printf("%-8s %s: %lld of %lld integers differ\n", r.agrees ? "ok" : "DIFFERS",
                printable(r.name).c_str(), static_cast<long long>(r.difference.outside),
                static_cast<long long>(r.count));
  else
    std::printf("%-8s %s: largest error %.3g absolute, %.3g relative to the largest magnitude\n",
                r.agrees ? "ok" : "DIFFERS", printable(r.name).c_str(), r.difference.absolute,
                r.difference.relative);
  if (!r.agrees)
    std::printf("         element %lld is %.9g, expected %.9g\n", static_cast<long long>(r.difference.where),
                r.difference.got, r.difference.expected);
}

Result<int> report(const Arguments& a, const std::vector<Row>& rows) {
  Json list = Json::array();
  int beyond = 0;
  const Row* first = nullptr;
  for (const Row& r : rows) {
    if (!a.layers || !r.agrees) {
      if (a.json != "-") print_row(r);
    }
    if (!r.agrees && ++beyond == 1) first = &r;
    Json entry;
    entry["name"] = r.name;
    entry["origin"] = r.origin;
    entry["agrees"] = r.agrees;
    entry["problem"] = r.problem;
    entry["max_absolute"] = r.difference.absolute;
    entry["max_relative"] = r.difference.relative;
    if (r.exact) entry["differing"] = r.difference.outside;
    list.push_back(std::move(entry));
  }
  if (a.json != "-" && a.layers) {
    std::printf("%zu values compared, %d differ\n", rows.size(), beyond);
    if (first)
      std::printf("first: %s%s%s\n", printable(first->name).c_str(), first->origin.empty() ? "" : " of ",
                  printable(first->origin).c_str());
  }
  Json json;
  json[a.layers ? "layers" : "outputs"] = std::move(list);
  json["agrees"] = beyond == 0;
  json["atol"] = a.tolerance.atol;
  json["rtol"] = a.tolerance.rtol;
  if (first) json["first_difference"] = first->name;
  if (!a.json.empty()) RK_CHECK(write_json(std::move(json), a.json));
  return beyond == 0 ? kOk : kWrongInput;
}

std::vector<Binding> bindings_of(const Graph& graph) {
  std::vector<Binding> bindings;
  for (const ValueId v : graph.inputs) bindings.push_back({graph[v].name, graph[v].type, true});
  return bindings;
}

/// Every value that a node makes becomes an output, so that nothing between them can be fused away.
void expose_all(Graph& graph) {
  std::vector<ValueId> values = graph.outputs;
  std::set<ValueId> seen(values.begin(), values.end());
  for (const NodeId n : graph.order())
    for (const ValueId v : graph[n].outputs)
      if (v != ValueId::none && seen.insert(v).second) values.push_back(v);
  graph.set_outputs(std::move(values));
}

Result<std::shared_ptr<const Engine>> engine_of_layers(const PreparedModel& model, const Graph& graph,
                                                       const OnTheSpot& how) {
  CompileOptions options;
  RK_TRY(options.target, resolve_target(how.target));
  RK_TRY(const Backend backend, backend_for(options.target));
  options.threads = how.threads > 0 ? how.threads : usable_cores();
  options.target.threads = options.threads;
  options.profile = model.profile;
  options.effort = how.effort;
  options.passes.disabled = {"fuse"};
  RK_TRY(const Compiled compiled, compile(graph, backend, options));
  EngineContents contents;
  contents.meta = model.meta;
  contents.variants = {compiled.variant};
  contents.code = std::as_bytes(std::span(compiled.code));
  contents.weights = std::as_bytes(std::span(compiled.weights));
  contents.tuning = compiled.tuning;
  RK_TRY(std::string bytes, engine_bytes(contents));
  return load_engine_bytes(std::move(bytes));
}

/// The inputs that the engine has, by name: it must have been built from this model.
Status bind_inputs(Context& context, const Engine& engine, const std::map<std::string, Tensor>& inputs) {
  for (const Binding& b : engine.bindings()) {
    if (!b.is_input) continue;
    const auto found = inputs.find(b.name);
    if (found == inputs.end())
      return Status::error(
          Code::invalid_argument,
          "the engine has an input '" + b.name + "' that the model lacks, expected an engine of this model");
    RK_CHECK(context.bind(b.name, found->second));
  }
  return {};
}

std::string origin_of(const Graph& graph, ValueId v) {
  const Node* producer = graph.producer(v);
  return producer ? producer->origin : "";
}

Result<int> compare(Arguments a) {
  if (!(a.tolerance.atol >= 0) || !(a.tolerance.rtol >= 0))
    return Status::error(Code::invalid_argument, "--atol and --rtol must be numbers of at least 0");
  if (a.layers && !a.engine.empty())
    return Status::error(Code::invalid_argument,
                         "--layers builds an engine of its own from the model, expected no engine beside it");
  RK_CHECK(can_write(a.json));
  a.build.shapes = a.inputs.shapes;
  RK_TRY(const BuildOptions options, build_options(a.build));
  RK_TRY(PreparedModel model, prepare_model(a.model, options));
  Graph& graph = model.graph;
  if (a.layers) expose_all(graph);
  std::shared_ptr<const Engine> engine;
  if (a.layers) {
    RK_TRY(engine, engine_of_layers(model, graph, a.build));
  } else if (a.engine.empty()) {
    RK_TRY(engine, engine_of(a.model, a.build));
  } else {
    RK_TRY(engine, load_engine(a.engine));
  }
  Profile profile = profile_of(engine->plan());
  profile.insert(model.profile.begin(), model.profile.end());
  RK_TRY(const auto inputs, read_inputs(bindings_of(graph), profile, a.inputs));
  RK_TRY(auto context, engine->create_context({.threads = a.build.threads}));
  RK_CHECK(bind_inputs(*context, *engine, inputs));
  RK_CHECK(context->run());
  std::vector<Tensor> ordered;
  for (const ValueId v : graph.inputs) ordered.push_back(inputs.at(graph[v].name));
  RK_TRY(const Tensors expected, interpret(graph, ordered));

  std::vector<std::pair<size_t, ValueId>> order;
  for (size_t i = 0; i < graph.outputs.size(); ++i) order.emplace_back(i, graph.outputs[i]);
  std::map<NodeId, size_t> place;
  for (const NodeId n : graph.order()) place.emplace(n, place.size());
  const auto place_of = [&](ValueId v) {
    return graph[v].producer == NodeId::none ? 0 : place[graph[v].producer] + 1;
  };
  if (a.layers)
    std::stable_sort(order.begin(), order.end(),
                     [&](const auto& x, const auto& y) { return place_of(x.second) < place_of(y.second); });
  std::vector<Row> rows;
  for (const auto& [i, v] : order) {
    RK_TRY(const Tensor got, context->output(graph[v].name));
    rows.push_back(compare_values(graph[v].name, origin_of(graph, v), got, expected[i], a.tolerance));
  }
  return report(a, rows);
}

}  // namespace

void add_compare(CLI::App& app, Command& chosen) {
  auto* command = app.add_subcommand("compare", "Compare an engine with the reference");
  auto a = std::make_shared<Arguments>();
  command->add_option("MODEL", a->model, "ONNX file")->required();
  command->add_option("ENGINE", a->engine, "its engine; built on the spot when not given");
  command->add_option("--atol", a->tolerance.atol, "errors up to this agree; of integers, by default, none")
      ->capture_default_str();
  command->add_option("--rtol", a->tolerance.rtol, "plus this much of the output's largest magnitude")
      ->capture_default_str();
  command->add_flag("--layers", a->layers,
                    "every value between the layers too, built without fusion; names the first that differs");
  command->add_option("--input", a->inputs.files, "NAME=FILE.npy; inputs not given are random")->take_all();
  command->add_option("--shape", a->inputs.shapes, "NAME=1x3x224x224, the shape of a random input")
      ->take_all();
  command->add_option("--profile", a->build.profiles, "NAME=MIN:USUAL:MAX shapes to build for")->take_all();
  command->add_option("--effort", a->build.effort, "0 measures nothing, 5 everything")->capture_default_str();
  command->add_option("--threads", a->build.threads, "0: every core")->capture_default_str();
  command->add_option("--target", a->build.target, "what to build for")->capture_default_str();
  command->add_option("--json", a->json, "write the result; - is stdout");
  command->add_flag("-q,--quiet", a->build.quiet, "no progress");
  command->footer(
      "The exit code is 1 when an output is beyond the tolerance.\nExamples:\n"
      "  rekindle compare det.onnx det.engine --input x=page.npy\n"
      "  rekindle compare det.onnx --layers --shape x=1x3x320x320");
  command->callback([a, &chosen] { chosen.run = [a] { return compare(*a); }; });
}

}  // namespace rekindle::cli
