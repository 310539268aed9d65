// rekindle inspect: what is in an engine or a model, as a table, as JSON, or drawn.
// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>

#include "base/json.h"
#include "base/printable.h"
#include "cli/command.h"
#include "cli/drawing.h"
#include "cli/load.h"
#include "cli/memory.h"
#include "cli/step_reports.h"
#include "onnx/import.h"

namespace rekindle::cli {

namespace {

struct Arguments {
  std::string file, json, drawing;
  bool wants_json = false, allow_links = false;
};

/// The element type a step computes in: what its tactic multiplies, else that of its first floating output,
/// or of its first output.
std::string precision_of(const Plan& plan, const Step& step) {
  if (step.kind == StepKind::kernel && plan.kernels[step.kernel].tactic.ends_with(".bf16")) return "bf16";
  std::string first;
  for (const uint32_t v : step.outputs) {
    if (v >= plan.views.size()) continue;
    const DType dtype = plan.views[v].type.dtype;
    if (is_float(dtype)) return std::string(to_string(dtype));
    if (first.empty()) first = to_string(dtype);
  }
  return first;
}

Json types_json(const Plan& plan, const std::vector<uint32_t>& views) {
  Json list = Json::array();
  for (const uint32_t v : views)
    list.push_back(v < plan.views.size() ? Json(plan.views[v].type.to_string()) : Json());
  return list;
}

Json steps_json(const Plan& plan, StepReports& reports);

Json step_json(const Plan& plan, const Step& step, StepReports& reports) {
  Json json;
  const bool is_kernel = step.kind == StepKind::kernel;
  json["kind"] = std::string(enum_name(step.kind));
  json["kernel"] = is_kernel ? plan.kernels[step.kernel].name : std::string(enum_name(step.kind));
  json["tactic"] = is_kernel ? plan.kernels[step.kernel].tactic : "";
  json["label"] = step.label;
  json["origin"] = step.origin;
  json["precision"] = precision_of(plan, step);
  json["device"] = plan.devices[step.device];
  json["predicted_us"] = step.predicted_us;
  json["measured_us"] = step.measured_us;
  json["inputs"] = types_json(plan, step.inputs);
  json["outputs"] = types_json(plan, step.outputs);
  reports.of(step).add_to(json, microseconds_of(step));
  for (const uint32_t s : step.subplans) json["subplans"].push_back(steps_json(plan.subplans[s], reports));
  return json;
}

Json steps_json(const Plan& plan, StepReports& reports) {
  Json list = Json::array();
  for (const Step& step : plan.steps) list.push_back(step_json(plan, step, reports));
  return list;
}

Json bindings_json(std::span<const Binding> bindings, bool inputs) {
  Json list = Json::array();
  for (const Binding& b : bindings) {
    if (b.is_input != inputs) continue;
    Json entry;
    entry["name"] = b.name;
    entry["dtype"] = std::string(to_string(b.type.dtype));
    for (const Dim& d : b.type.shape)
      entry["shape"].push_back(d.as_int() ? Json(*d.as_int()) : Json(d.to_string()));
    if (b.type.shape.empty()) entry["shape"] = Json::array();
    list.push_back(std::move(entry));
  }
  return list;
}

Json variant_json(const Plan& plan, size_t weight_bytes, const std::string& tuning) {
  const ArenaSizes arena = arena_sizes(plan);
  Json json;
  json["target"] = plan.target;
  json["isa"] = std::string(enum_name(plan.isa));
  json["devices"] = plan.devices;
  json["inputs"] = bindings_json(plan.bindings, true);
  json["outputs"] = bindings_json(plan.bindings, false);
  StepReports reports(tuning, plan.target);
  json["steps"] = steps_json(plan, reports);
  if (reports.totals().microseconds > 0) {
    json["total_us"] = reports.totals().microseconds;
    json["roofline_us"] = reports.totals().roofline;
  }
  json["arena_bytes"] = arena.bytes;
  json["arena_lower_bound_bytes"] = arena.lower_bound;
  json["arena_is_static"] = has_static_arena(plan);
  json["weights_bytes"] = weight_bytes;
  json["profile"] = Json::object();
  for (const SymbolRange& s : plan.profile)
    json["profile"][s.symbol] = {{"min", s.range.min}, {"opt", s.range.opt}, {"max", s.range.max}};
  return json;
}

Json engine_json(const EngineFile& file) {
  Json json;
  json["producer"] = file.meta.producer;
  json["model"] = file.meta.model_name;
  json["model_hash"] = file.meta.model_hash;
  json["weights_bytes"] = file.weights.size();
  json["code_bytes"] = file.code.size();
  json["has_ir"] = !file.ir.empty();
  char hash[20];
  std::snprintf(hash, sizeof hash, "%016llx", static_cast<unsigned long long>(file.content_hash));
  json["content_hash"] = hash;
  for (const Variant& v : file.variants)
    json["variants"].push_back(variant_json(v.plan, file.weights.size(), file.tuning));
  return json;
}

void print_steps(const Plan& plan, int indent, StepReports& reports) {
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const Step& s = plan.steps[i];
    const bool is_kernel = s.kind == StepKind::kernel;
    const std::string kernel = is_kernel ? plan.kernels[s.kernel].name : std::string(enum_name(s.kind));
    const std::string tactic = is_kernel ? plan.kernels[s.kernel].tactic : "";
    const double us = microseconds_of(s);
    char time[32] = "-";
    if (us > 0) std::snprintf(time, sizeof time, "%s%.1f", s.measured_us > 0 ? "" : "~", us);
    std::string types;
    for (const uint32_t v : s.outputs)
      if (v < plan.views.size()) types += (types.empty() ? "" : ", ") + plan.views[v].type.to_string();
    std::printf("%*s%4zu  %-18s %-22s %10s  %-28s %s\n", indent, "", i, printable(kernel).c_str(),
                printable(tactic).c_str(), time, printable(types).c_str(), printable(s.label).c_str());
    const std::string work = reports.of(s).sentence(us);
    if (!work.empty()) std::printf("%*s        %s\n", indent, "", printable(work).c_str());
    if (!s.origin.empty()) std::printf("%*s        from %s\n", indent, "", printable(s.origin).c_str());
    for (const uint32_t sub : s.subplans) print_steps(plan.subplans[sub], indent + 4, reports);
  }
}

void print_variant(const Variant& variant, const std::string& tuning) {
  const Plan& plan = variant.plan;
  std::printf("\nvariant %s (needs %s)\n", printable(plan.target).c_str(),
              std::string(enum_name(plan.isa)).c_str());
  for (const Binding& b : plan.bindings)
    std::printf("  %-6s %s: %s\n", b.is_input ? "input" : "output", printable(b.name).c_str(),
                printable(b.type.to_string()).c_str());
  for (const SymbolRange& s : plan.profile) {
    const std::string most = s.range.max == INT64_MAX ? "any" : std::to_string(s.range.max);
    std::printf("  size   %s: %ld to %s, usually %ld\n", printable(s.symbol).c_str(), long(s.range.min),
                most.c_str(), long(s.range.opt));
  }
  const ArenaSizes arena = arena_sizes(plan);
  std::printf("  memory arena %s (no layout below %s)%s\n", human_bytes(arena.bytes).c_str(),
              human_bytes(arena.lower_bound).c_str(), has_static_arena(plan) ? "" : ", at the usual sizes");
  std::printf("  %4s  %-18s %-22s %10s  %-28s %s\n", "step", "kernel", "tactic", "us", "makes", "what");
  StepReports reports(tuning, plan.target);
  print_steps(plan, 2, reports);
  const StepReports::Totals totals = reports.totals();
  if (totals.microseconds > 0)
    std::printf("  in all %.1f us; at the rates this GPU holds at least %.1f us, %.0f %% of that time\n",
                totals.microseconds, totals.roofline, 100 * totals.roofline / totals.microseconds);
}

Result<int> inspect_engine(const Arguments& a) {
  RK_TRY(const EngineFile file, open_engine(a.file));
  if (!a.json.empty()) RK_CHECK(write_json(engine_json(file), a.json));
  if (!a.drawing.empty()) RK_CHECK(draw(drawing_of(file.variants.front().plan), a.drawing));
  if (a.json == "-" || !a.drawing.empty()) return kOk;
  std::printf("%s: engine by %s\n", a.file.c_str(), printable(file.meta.producer).c_str());
  std::printf("  model  %s (hash %s)\n", printable(file.meta.model_name).c_str(),
              printable(file.meta.model_hash).c_str());
  std::printf("  built  with %s\n", printable(file.meta.options, 1000).c_str());
  std::printf("  holds  %zu variant%s, weights %s, code %s%s\n", file.variants.size(),
              file.variants.size() == 1 ? "" : "s", human_bytes(int64_t(file.weights.size())).c_str(),
              human_bytes(int64_t(file.code.size())).c_str(),
              file.ir.empty() ? "" : ", the graph it was made of");
  for (const Variant& variant : file.variants) print_variant(variant, file.tuning);
  return kOk;
}

std::vector<Binding> bindings_of(const Graph& graph) {
  std::vector<Binding> bindings;
  for (const ValueId v : graph.inputs) bindings.push_back({graph[v].name, graph[v].type, true});
  for (const ValueId v : graph.outputs) bindings.push_back({graph[v].name, graph[v].type, false});
  return bindings;
}

void count_ops(const Graph& graph, std::map<std::string, int>& counts) {
  for (NodeId n = graph.first(); n != NodeId::none; n = graph.next(n)) {
    ++counts[std::string(graph[n].op.name())];
    for (const GraphRef& body : graph[n].op.graphs()) count_ops(*body, counts);
  }
}

Result<int> inspect_model(const Arguments& a) {
  onnx::ImportOptions how;
  how.allow_links = a.allow_links;
  RK_TRY(const onnx::Imported model, onnx::import_file(a.file, how));
  const std::vector<Binding> bindings = bindings_of(model.graph);
  std::map<std::string, int> counts;
  count_ops(model.graph, counts);
  if (!a.json.empty()) {
    Json json;
    json["model"] = model.model_name;
    json["producer"] = model.producer;
    json["opset"] = model.opset;
    json["ir_version"] = model.ir_version;
    json["onnx_nodes"] = model.node_count;
    json["inputs"] = bindings_json(bindings, true);
    json["outputs"] = bindings_json(bindings, false);
    json["ops"] = counts;
    json["notes"] = model.notes;
    RK_CHECK(write_json(std::move(json), a.json));
  }
  if (!a.drawing.empty()) RK_CHECK(draw(drawing_of(model.graph), a.drawing));
  if (a.json == "-" || !a.drawing.empty()) return kOk;
  std::printf("%s: ONNX model %s by %s, opset %ld, %ld nodes\n", a.file.c_str(),
              printable(model.model_name).c_str(),
              model.producer.empty() ? "an unnamed producer" : printable(model.producer).c_str(),
              long(model.opset), long(model.node_count));
  for (const Binding& b : bindings)
    std::printf("  %-6s %s: %s\n", b.is_input ? "input" : "output", printable(b.name).c_str(),
                printable(b.type.to_string()).c_str());
  std::vector<std::pair<int, std::string>> sorted;
  for (const auto& [name, count] : counts) sorted.emplace_back(-count, name);
  std::sort(sorted.begin(), sorted.end());
  std::printf("ops after import\n");
  for (const auto& [count, name] : sorted) std::printf("  %6d  %s\n", -count, name.c_str());
  for (const std::string& note : model.notes)
    std::fprintf(stderr, "note: %s\n", printable_lines(note).c_str());
  return kOk;
}

Result<int> inspect(Arguments a) {
  if (!a.json.empty() && !a.wants_json)
    return Status::error(Code::invalid_argument,
                         "'" + a.json + "' is a second file, expected one, or --json before it");
  if (a.wants_json && a.json.empty()) a.json = "-";
  RK_TRY(const bool is_engine, is_engine_file(a.file));
  return is_engine ? inspect_engine(a) : inspect_model(a);
}

}  // namespace

void add_inspect(CLI::App& app, Command& chosen) {
  auto* command = app.add_subcommand("inspect", "Show what is in an engine or a model");
  auto a = std::make_shared<Arguments>();
  command->add_option("FILE", a->file, "engine or ONNX model")->required();
  // A flag and a second place instead of an option with a value: "--json FILE.engine" must not take the
  // engine's name.
  command->add_flag("--json", a->wants_json, "write it as JSON, to stdout or to OUTPUT");
  command->add_option("OUTPUT", a->json, "file for --json; - is stdout");
  command->add_option("--graph", a->drawing, "draw it: .svg, .png or .pdf through graphviz, .dot without it");
  command->add_flag("--allow-links", a->allow_links, "external data may be links");
  command->footer(
      "Examples:\n"
      "  rekindle inspect det.engine\n"
      "  rekindle inspect det.engine --json > det.json\n"
      "  rekindle inspect det.engine --graph det.svg");
  command->callback([a, &chosen] { chosen.run = [a] { return inspect(*a); }; });
}

}  // namespace rekindle::cli
