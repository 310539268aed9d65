// rekindle.h: building. What only librekindle has.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "api/builder.h"
#include "api/run/c_objects.h"

using namespace rekindle;
using c_api::guarded;
using c_api::null_argument;

namespace {

Result<std::vector<std::string>> names_of(const char* const* names, size_t count, const char* what) {
  std::vector<std::string> list;
  if (count > 0 && names == nullptr) return null_argument(what);
  for (size_t i = 0; i < count; ++i) {
    if (names[i] == nullptr) return null_argument(what);
    list.emplace_back(names[i]);
  }
  return list;
}

Status add_profile(const rekindle_profile& p, BuildOptions& options) {
  if (p.input == nullptr || p.rank < 0 ||
      (p.rank > 0 && (p.min == nullptr || p.opt == nullptr || p.max == nullptr)))
    return null_argument("a part of a profile");
  const auto dims = [&](const int64_t* from) { return Dims(from, from + p.rank); };
  if (!options.profiles.try_emplace(p.input, InputProfile{dims(p.min), dims(p.opt), dims(p.max)}).second)
    return Status::error(Code::invalid_argument, fmt::format("input {} has two profiles", p.input));
  return {};
}

Result<BuildOptions> to_cpp(const rekindle_build_options* given) {
  RK_TRY(const rekindle_build_options c, c_api::options_of(given, rekindle_build_options_init));
  BuildOptions options;
  if (c.target_count > 0) {
    RK_TRY(options.targets, names_of(c.targets, c.target_count, "the list of targets"));
  }
  if (c.precision < 0 || size_t(c.precision) >= kPrecisionNames.size())
    return Status::error(Code::invalid_argument, fmt::format("the precision is {}, expected 0 to {}",
                                                             c.precision, kPrecisionNames.size() - 1));
  options.precision = static_cast<Precision>(c.precision);
  options.effort = c.effort;
  options.threads = c.threads;
  if (c.timing_cache != nullptr) options.timing_cache = c.timing_cache;
  if (c.kernel_cache != nullptr) options.kernel_cache = c.kernel_cache;
  options.workspace_bytes = c.workspace_bytes;
  RK_TRY(options.disabled, names_of(c.disabled, c.disabled_count, "the list of what is disabled"));
  options.keep_ir = c.keep_ir != 0;
  options.allow_links = c.allow_links != 0;
  if (c.profile_count > 0 && c.profiles == nullptr) return null_argument("the list of profiles");
  // The stride of the caller's array is the size that its structs say.
  const auto* at = reinterpret_cast<const char*>(c.profiles);
  for (size_t i = 0; i < c.profile_count; ++i) {
    const auto& p = *reinterpret_cast<const rekindle_profile*>(at);
    if (p.size < sizeof p)
      return Status::error(Code::invalid_argument,
                           fmt::format("a profile has size {}, expected {}", p.size, sizeof p));
    RK_CHECK(add_profile(p, options));
    at += p.size;
  }
  if (c.progress != nullptr)
    options.progress = [progress = c.progress, user = c.progress_user](std::string_view phase, int done,
                                                                       int total) {
      progress(user, std::string(phase).c_str(), done, total);
    };
  return options;
}

Status give(Result<BuiltEngine> built, rekindle_blob** engine) {
  if (!built.ok()) return built.status();
  *engine = new rekindle_blob{std::move(built->bytes)};
  return {};
}

}  // namespace

extern "C" {

void rekindle_build_options_init(rekindle_build_options* options) {
  if (options == nullptr) return;
  const BuildOptions defaults;
  *options = {};
  options->size = sizeof *options;
  options->precision = int32_t(defaults.precision);
  options->effort = defaults.effort;
  options->threads = defaults.threads;
  options->workspace_bytes = defaults.workspace_bytes;
  options->keep_ir = defaults.keep_ir ? 1 : 0;
  options->allow_links = defaults.allow_links ? 1 : 0;
}

rekindle_status* rekindle_build_file(const char* model_path, const rekindle_build_options* options,
                                     rekindle_blob** engine) {
  return guarded([&]() -> Status {
    if (model_path == nullptr) return null_argument("the model's path");
    if (engine == nullptr) return null_argument("the place for the engine");
    RK_TRY(const BuildOptions chosen, to_cpp(options));
    return give(build_engine(std::filesystem::path(model_path), chosen), engine);
  });
}

rekindle_status* rekindle_build_bytes(const void* model, size_t size, const char* folder,
                                      const rekindle_build_options* options, rekindle_blob** engine) {
  return guarded([&]() -> Status {
    if (model == nullptr) return null_argument("the model");
    if (engine == nullptr) return null_argument("the place for the engine");
    RK_TRY(const BuildOptions chosen, to_cpp(options));
    const std::span bytes(static_cast<const std::byte*>(model), size);
    return give(build_engine(bytes, folder == nullptr ? "" : folder, chosen), engine);
  });
}

}  // extern "C"
