// Loading engines, and building them when a model is given.
// SPDX-License-Identifier: Apache-2.0
#include "cli/load.h"

#include <cstdio>

#include "api/lower_again.h"
#include "base/printable.h"
#include "cli/command.h"
#include "cli/shapes.h"

namespace rekindle::cli {

Result<std::shared_ptr<const Engine>> load_engine(const std::string& path, int threads) {
  LoadOptions load;
  load.open_device = open_devices();
  RK_TRY(LoadedEngine loaded, load_or_lower_again(path, load, threads));
  if (!loaded.note.empty()) std::fprintf(stderr, "note: %s\n", printable_lines(loaded.note).c_str());
  return std::move(loaded.engine);
}

Result<std::shared_ptr<const Engine>> load_engine_bytes(std::string bytes) {
  const auto owner = std::make_shared<const std::string>(std::move(bytes));
  RK_TRY(EngineFile file, open_engine_bytes(std::as_bytes(std::span(*owner)), owner));
  LoadOptions load;
  load.open_device = open_devices();
  return Engine::from_file(std::move(file), load);
}

Result<BuildOptions> build_options(const OnTheSpot& how) {
  BuildOptions options;
  options.targets = {how.target};
  options.effort = how.effort;
  options.threads = how.threads;
  options.disabled = how.disabled;
  for (const std::string& text : how.profiles) {
    RK_TRY(auto pair, split_name(text, "MIN:USUAL:MAX"));
    RK_TRY(options.profiles[pair.first], parse_profile(pair.second));
  }
  for (const std::string& text : how.shapes) {
    RK_TRY(auto pair, split_name(text, "1x3x224x224"));
    if (options.profiles.contains(pair.first)) continue;  // then the shape is of this run alone
    RK_TRY(const Dims dims, parse_dims(pair.second));
    options.profiles[pair.first] = {dims, dims, dims};
  }
  return options;
}

Result<std::shared_ptr<const Engine>> engine_of(const std::string& path, const OnTheSpot& how) {
  RK_TRY(const bool is_engine, is_engine_file(path));
  if (is_engine) return load_engine(path, how.threads);
  RK_TRY(BuildOptions options, build_options(how));
  auto progress = std::make_shared<Progress>(how.quiet);
  options.progress = [progress](std::string_view phase, int done, int total) {
    (*progress)(phase, done, total);
  };
  auto built = build_engine(path, options);
  progress->finish();
  if (!built.ok()) return built.status();
  for (const std::string& note : built->report.notes)
    std::fprintf(stderr, "note: %s\n", printable_lines(note).c_str());
  return load_engine_bytes(std::move(built->bytes));
}

Profile profile_of(const Plan& plan) {
  Profile profile;
  for (const SymbolRange& s : plan.profile) profile[s.symbol] = s.range;
  return profile;
}

}  // namespace rekindle::cli
