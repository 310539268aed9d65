// rekindle build: an ONNX model in, an engine out.
// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "base/file.h"
#include "base/printable.h"
#include "cli/command.h"
#include "cli/shapes.h"
#include "cli/writable.h"

namespace rekindle::cli {

namespace {

struct Arguments {
  std::string model, output, precision = "fp32", calibration, timing_cache, kernel_cache, workspace = "1GiB",
                             json, dump_passes;
  std::vector<std::string> targets, profiles, disabled;
  int effort = 1, threads = 0, limit = INT_MAX;
  bool explain = false, quiet = false, keep_ir = false, allow_links = false;
};

Result<BuildOptions> options_of(const Arguments& a) {
  BuildOptions options;
  if (!a.targets.empty()) options.targets = a.targets;
  bool known = false;
  for (size_t i = 0; i < kPrecisionNames.size(); ++i)
    if (kPrecisionNames[i] == a.precision) options.precision = Precision(i), known = true;
  if (!known)
    return Status::error(Code::invalid_argument,
                         "precision '" + a.precision + "' is none of fp32, fp16, bf16, int8, best");
  for (const std::string& text : a.profiles) {
    RK_TRY(auto pair, split_name(text, "MIN:USUAL:MAX"));
    RK_TRY(options.profiles[pair.first], parse_profile(pair.second));
  }
  RK_TRY(options.workspace_bytes, parse_bytes(a.workspace));
  options.calibration = a.calibration;
  options.effort = a.effort;
  options.threads = a.threads;
  options.timing_cache = a.timing_cache;
  options.kernel_cache = a.kernel_cache;
  options.disabled = a.disabled;
  options.limit = a.limit;
  options.dump_passes = a.dump_passes;
  options.keep_ir = a.keep_ir;
  options.allow_links = a.allow_links;
  return options;
}

/// Where a time is from: " (predicted, bound by memory)".
std::string remark_on(const Candidate& c) {
  const std::string bound = c.bound.empty() ? "" : ", bound by " + c.bound;
  if (c.is_predicted) return " (predicted" + bound + ")";
  char text[80] = "";
  if (c.predicted > 0) std::snprintf(text, sizeof text, " (predicted %.1f%s)", c.predicted, bound.c_str());
  return text;
}

void print_explanation(const CompileReport& report) {
  for (const RegionReport& region : report.regions) {
    std::printf("%s\n", printable(region.label).c_str());
    if (!region.origin.empty()) std::printf("    from %s\n", printable(region.origin, 1000).c_str());
    for (const Candidate& c : region.choice.candidates) {
      const std::string name = c.tactic + (c.config.empty() ? "" : " [" + c.config + "]");
      if (!c.refusal.empty())
        std::printf("    %-40s refused: %s\n", name.c_str(), c.refusal.c_str());
      else if (c.microseconds > 0)
        std::printf("    %-40s %10.1f us%s\n", name.c_str(), c.microseconds, remark_on(c).c_str());
      else
        std::printf("    %-40s taken by order, not measured\n", name.c_str());
    }
  }
  for (const std::string& remark : report.remarks) std::printf("%s\n", printable_lines(remark).c_str());
}

Json report_json(const BuildReport& report, int64_t bytes) {
  Json json;
  json["model"] = report.model_name;
  json["onnx_nodes"] = report.onnx_nodes;
  json["engine_bytes"] = bytes;
  json["seconds"] = report.seconds;
  json["notes"] = report.notes;
  if (report.quantized_layers > 0) {
    json["int8_layers"] = report.quantized_layers;
    json["float_layers"] = report.float_layers;
  }
  for (const auto& [output, error] : report.precision_errors) json["precision_errors"][output] = error;
  for (const auto& [target, v] : report.variants) {
    Json variant;
    variant["target"] = target;
    variant["nodes"] = v.nodes_imported;
    variant["kernels"] = v.kernels;
    variant["arena_bytes"] = v.arena_bytes;
    variant["arena_lower_bound_bytes"] = v.arena_lower_bound;
    variant["weights_bytes"] = v.weight_bytes;
    variant["seconds_passes"] = v.seconds_passes;
    variant["seconds_tuning"] = v.seconds_tuning;
    json["variants"].push_back(std::move(variant));
  }
  return json;
}

Result<int> build(const Arguments& a) {
  RK_TRY(BuildOptions options, options_of(a));
  RK_CHECK(can_write(a.output));  // tuning may take minutes
  RK_CHECK(can_write(a.json));
  auto progress = std::make_shared<Progress>(a.quiet);
  options.progress = [progress](std::string_view phase, int done, int total) {
    (*progress)(phase, done, total);
  };
  auto built = build_engine(a.model, options);
  progress->finish();
  if (!built.ok()) return built.status();
  RK_CHECK(write_file_atomically(a.output, built->bytes));
  const BuildReport& report = built->report;
  for (const std::string& note : report.notes)
    std::fprintf(stderr, "note: %s\n", printable_lines(note).c_str());
  for (const auto& [target, variant] : report.variants) {
    if (a.explain) print_explanation(variant);
    if (a.quiet) continue;
    std::printf("%s: %d ONNX nodes, %d kernels, weights %s, arena %s (no layout below %s)\n", target.c_str(),
                report.onnx_nodes, variant.kernels, human_bytes(variant.weight_bytes).c_str(),
                human_bytes(variant.arena_bytes).c_str(), human_bytes(variant.arena_lower_bound).c_str());
  }
  if (report.quantized_layers > 0 && !a.quiet)
    std::printf("int8: %d of %d convolutions and products\n", report.quantized_layers,
                report.quantized_layers + report.float_layers);
  for (const auto& [output, error] : report.precision_errors)
    if (!a.quiet)
      std::printf("%s: off by at most %.2g of its largest magnitude in FP32\n", printable(output).c_str(),
                  error);
  if (!a.quiet)
    std::printf("%s: %s in %.1f s\n", a.output.c_str(), human_bytes(int64_t(built->bytes.size())).c_str(),
                report.seconds);
  if (!a.json.empty()) RK_CHECK(write_json(report_json(report, int64_t(built->bytes.size())), a.json));
  return kOk;
}

}  // namespace

void add_build(CLI::App& app, Command& chosen) {
  auto* command = app.add_subcommand("build", "Compile an ONNX model into an engine");
  auto a = std::make_shared<Arguments>();
  command->add_option("MODEL", a->model, "ONNX file, or an engine that holds its graph (--keep-ir)")
      ->required();
  command->add_option("-o,--output", a->output, "engine file to write")->required();
  command->add_option("--target", a->targets, "cpu, cpu:avx2 …; may be repeated")->take_all();
  command->add_option("--precision", a->precision, "fp32, fp16, bf16, int8 or best")->capture_default_str();
  command->add_option(
      "--calibrate", a->calibration,
      "for int8: unlabelled samples (a folder of .npy and .npz files, or one), or a table of calibrate");
  command->add_option("--profile", a->profiles, "NAME=MIN:USUAL:MAX shapes of an input, or one shape")
      ->take_all();
  command->add_option("--effort", a->effort, "0 measures nothing, 5 everything")->capture_default_str();
  command->add_option("--threads", a->threads, "threads to tune for; 0: every core")->capture_default_str();
  command->add_option("--timing-cache", a->timing_cache, "file of measurements, read and written");
  command->add_option("--kernel-cache", a->kernel_cache, "folder of compiled CUDA kernels, read and written");
  command->add_option("--workspace", a->workspace, "most scratch memory a kernel may take")
      ->capture_default_str();
  command->add_flag("--explain", a->explain,
                    "print each kernel's rivals, their times and why others were refused");
  command->add_option("--json", a->json, "write a report; - is stdout");
  command->add_option("--dump-passes", a->dump_passes, "folder for the graph after every pass");
  command
      ->add_option("--disable", a->disabled,
                   "a pass, or tactics by the beginning of their name; passes and kernels are all of them")
      ->take_all();
  command->add_flag_callback(
      "--no-fusion", [a] { a->disabled.emplace_back("fuse"); },
      "a kernel for each op: the same kernels, to see what fusion gains");
  command->add_option("--limit", a->limit, "stop after so many rewrites, to find a wrong one");
  command->add_flag("--keep-ir", a->keep_ir,
                    "keep the graph in the engine, so that other machines can compile it again");
  command->add_flag("--allow-links", a->allow_links, "external data may be links");
  command->add_flag("-q,--quiet", a->quiet, "print errors only");
  command->footer(
      "Example:\n  rekindle build rec.onnx -o rec.engine --profile x=1x3x48x32:1x3x48x320:8x3x48x1280 "
      "--explain");
  command->callback([a, &chosen] { chosen.run = [a] { return build(*a); }; });
}

}  // namespace rekindle::cli
