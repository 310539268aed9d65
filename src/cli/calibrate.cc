// rekindle calibrate: samples in, a table of ranges out.
// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "api/calibration.h"
#include "base/file.h"
#include "base/parallel.h"
#include "base/printable.h"
#include "cli/command.h"
#include "cli/shapes.h"

namespace rekindle::cli {

namespace {

struct Arguments {
  std::string model, samples, output, observer = "auto";
  std::vector<std::string> profiles;
  int threads = 0;
  bool quiet = false, allow_links = false;
};

Result<quantize::Observer> observer_named(const std::string& name) {
  std::string known;
  for (size_t i = 0; i < quantize::kObserverNames.size(); ++i) {
    if (quantize::kObserverNames[i] == name) return quantize::Observer(i);
    known += (known.empty() ? "" : ", ") + std::string(quantize::kObserverNames[i]);
  }
  return Status::error(Code::invalid_argument, "there is no observer '" + name + "'; there are " + known);
}

Result<int> calibrate(const Arguments& a) {
  quantize::CalibrationOptions options;
  RK_TRY(options.observer, observer_named(a.observer));
  BuildOptions build;
  build.allow_links = a.allow_links;
  for (const std::string& text : a.profiles) {
    RK_TRY(auto pair, split_name(text, "MIN:USUAL:MAX"));
    RK_TRY(build.profiles[pair.first], parse_profile(pair.second));
  }
  auto progress = std::make_shared<Progress>(a.quiet);
  options.progress = [progress](std::string_view phase, int64_t done, int64_t total) {
    (*progress)(phase, int(done), int(total));
  };
  RK_TRY(const PreparedModel model, prepare_model(a.model, build));
  const auto made = calibrate_model(model, a.samples, options, a.threads > 0 ? a.threads : usable_cores());
  progress->finish();
  if (!made.ok()) return made.status();
  RK_CHECK(write_file_atomically(a.output, made->table.to_text()));
  for (const std::string& warning : made->warnings) std::fprintf(stderr, "warning: %s\n", warning.c_str());
  if (!a.quiet)
    std::printf("%s: ranges of %zu values from %lld samples\n", printable(a.output).c_str(),
                made->table.values.size(), static_cast<long long>(made->samples));
  return kOk;
}

}  // namespace

void add_calibrate(CLI::App& app, Command& chosen) {
  auto* command =
      app.add_subcommand("calibrate", "Observe the ranges of a model's values on unlabelled samples");
  auto a = std::make_shared<Arguments>();
  command->add_option("MODEL", a->model, "ONNX file")->required();
  command
      ->add_option("SAMPLES", a->samples,
                   "a folder of .npy and .npz files, or one of them: an array for each input")
      ->required();
  command->add_option("-o,--output", a->output, "table to write; build --calibrate reads it")->required();
  command->add_option("--observer", a->observer, "auto, minmax, average, percentile, entropy or mse")
      ->capture_default_str();
  command->add_option("--profile", a->profiles, "NAME=MIN:USUAL:MAX shapes of an input, or one shape")
      ->take_all();
  command->add_option("--threads", a->threads, "0: every core")->capture_default_str();
  command->add_flag("--allow-links", a->allow_links, "external data may be links");
  command->add_flag("-q,--quiet", a->quiet, "print errors and warnings only");
  command->footer(
      "Example:\n  rekindle calibrate rec.onnx lines/ -o rec.table\n"
      "  rekindle build rec.onnx -o rec.engine --precision int8 --calibrate rec.table");
  command->callback([a, &chosen] { chosen.run = [a] { return calibrate(*a); }; });
}

}  // namespace rekindle::cli
