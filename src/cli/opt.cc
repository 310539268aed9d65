// rekindle opt: runs passes over a graph and prints what they made of it.
// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "base/file.h"
#include "cli/command.h"
#include "onnx/import.h"
#include "ops/table.h"
#include "passes/pass.h"

namespace rekindle::cli {

namespace {

struct Arguments {
  std::string file, output, target = "cpu", dump_passes;
  std::vector<std::string> passes;
  int limit = INT_MAX;
  bool list = false, markdown = false, explain = false, origins = false;
};

Result<Graph> read_graph(const std::string& path) {
  if (std::filesystem::path(path).extension() == ".onnx") {
    RK_TRY(onnx::Imported model, onnx::import_file(path));
    return std::move(model.graph);
  }
  RK_TRY(const std::string text, read_file(path));
  auto graph = parse(text, ops::table());
  if (!graph.ok()) return graph.status().note("while reading " + path);
  return graph;
}

Result<std::vector<Pass>> passes_of(const Arguments& a) {
  std::vector<Pass> passes;
  if (a.passes.empty()) passes.assign(standard_pipeline().begin(), standard_pipeline().end());
  for (const std::string& name : a.passes) {
    const Pass* pass = find_pass(name);
    if (pass) {
      passes.push_back(*pass);
      continue;
    }
    std::string known;
    for (const Pass& p : standard_pipeline()) known += (known.empty() ? "" : ", ") + std::string(p.name);
    return Status::error(Code::not_found, "there is no pass '" + name + "'; there are " + known);
  }
  return passes;
}

Result<int> optimize(const Arguments& a) {
  if (a.markdown) {
    std::printf(
        "# Passes\n\nPrinted by `rekindle opt --list --markdown`, in the order in which they run.\n\n"
        "| Pass | What it does |\n| --- | --- |\n");
    for (const Pass& pass : standard_pipeline())
      std::printf("| `%s` | %s |\n", std::string(pass.name).c_str(), std::string(pass.summary).c_str());
    return kOk;
  }
  if (a.list) {
    for (const Pass& pass : standard_pipeline())
      std::printf("%-24s %s\n", std::string(pass.name).c_str(), std::string(pass.summary).c_str());
    return kOk;
  }
  if (a.file.empty())
    return Status::error(Code::invalid_argument, "no graph is given, expected a .rkir or .onnx file");
  RK_TRY(const auto passes, passes_of(a));
  RK_TRY(Graph graph, read_graph(a.file));
  PassContext context;
  RK_TRY(context.target, parse_target(a.target));
  context.budget = a.limit;
  RunOptions options;
  options.dump_dir = a.dump_passes;
  options.on_pass = [](std::string_view pass, int changes, double seconds) {
    std::fprintf(stderr, "%-24s %6d changes %8.1f ms\n", std::string(pass).c_str(), changes, seconds * 1e3);
  };
  RK_CHECK(run_passes(graph, context, passes, options));
  if (a.explain)
    for (const std::string& remark : context.remarks) std::fprintf(stderr, "%s\n", remark.c_str());
  ConstantTable constants;
  const std::string text = a.origins ? print(graph, constants, true) : print(graph);
  if (!a.output.empty())
    RK_CHECK(write_file_atomically(a.output, text));
  else
    std::fputs(text.c_str(), stdout);
  return kOk;
}

}  // namespace

void add_opt(CLI::App& app, Command& chosen) {
  auto* command = app.add_subcommand("opt", "Run passes over a graph and print it");
  auto a = std::make_shared<Arguments>();
  command->add_option("GRAPH", a->file, ".rkir text, or an ONNX model");
  command->add_option("--pass", a->passes, "a pass, in the order given; none: the whole pipeline")
      ->take_all();
  command->add_flag("--list", a->list, "the passes, in the order of the pipeline");
  command->add_flag("--markdown", a->markdown, "the passes as a page of the documentation");
  command->add_option("-o,--output", a->output, "write the graph to a file instead");
  command->add_option("--target", a->target, "what the passes optimize for")->capture_default_str();
  command->add_option("--limit", a->limit, "stop after so many rewrites");
  command->add_option("--dump-passes", a->dump_passes, "folder for the graph after every pass");
  command->add_flag("--origins", a->origins, "print which ONNX nodes each line comes from");
  command->add_flag("--explain", a->explain, "print what the passes did not do, and why");
  command->footer(
      "Examples:\n  rekindle opt graph.rkir --pass fold-constants --pass fuse\n"
      "  rekindle opt model.onnx -o optimized.rkir");
  command->callback([a, &chosen] { chosen.run = [a] { return optimize(*a); }; });
}

}  // namespace rekindle::cli
