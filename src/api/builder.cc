// Building engines: import, compile for every target, one file.
// SPDX-License-Identifier: Apache-2.0
#include "api/builder.h"

#include <chrono>

#include "api/calibration.h"
#include "api/lower_again.h"
#include "api/merge_variants.h"
#include "api/precision_errors.h"
#include "api/version.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/parallel.h"
#include "base/printable.h"
#include "onnx/import.h"
#include "plan/engine_format.h"

namespace rekindle {

namespace {

Status profile_error(const std::string& input, const std::string& what) {
  return Status::error(Code::invalid_argument, "profile of input '" + input + "': " + what);
}

/// What the profiles say of one input: fixed dims stay numbers, others keep the model's symbol or get one.
Status apply_profile(const std::string& name, const TensorType& type, const InputProfile& wanted,
                     Shape& shape, Profile& profile) {
  const auto rank = size_t(type.rank());
  for (const Dims* dims : {&wanted.min, &wanted.opt, &wanted.max})
    if (dims->size() != rank)
      return profile_error(name, to_string(*dims) + " has rank " + std::to_string(dims->size()) +
                                     ", expected " + std::to_string(rank) + " as in " + type.to_string());
  for (size_t i = 0; i < rank; ++i) {
    const Range range{wanted.min[i], wanted.opt[i], wanted.max[i]};
    if (range.min < 0 || range.opt < range.min || range.max < range.opt)
      return profile_error(name, "dim " + std::to_string(i) + " goes " + std::to_string(range.min) + ":" +
                                     std::to_string(range.opt) + ":" + std::to_string(range.max) +
                                     ", expected min <= opt <= max");
    if (range.min == range.max) {
      shape.push_back(range.min);
      continue;
    }
    const auto symbol = type.shape[i].as_symbol();
    const std::string chosen =
        symbol ? std::string(*symbol) : sanitize_symbol(name) + "_d" + std::to_string(i);
    shape.push_back(Dim::symbol(chosen));
    const auto [it, fresh] = profile.emplace(chosen, range);
    if (!fresh && it->second != range)
      return profile_error(
          name, "dim " + std::to_string(i) + " is " + chosen + ", which another dim bounds differently");
  }
  return {};
}

std::string options_json(const BuildOptions& options) {
  Json json;
  json["precision"] = std::string(enum_name(options.precision));
  json["effort"] = options.effort;
  Json profiles = Json::object();
  for (const auto& [name, p] : options.profiles)
    profiles[name] = to_string(p.min) + ":" + to_string(p.opt) + ":" + to_string(p.max);
  json["profiles"] = std::move(profiles);
  return to_text(json, -1);
}

using Prepare = std::function<Result<PreparedModel>()>;
using Import = std::function<Result<onnx::Imported>(const onnx::ImportOptions&)>;

/// Imports the model with the shapes of its file. A model with branches of different ranks is only sound for
/// the shapes it is meant for: then once more with those of the profiles.
Result<onnx::Imported> import_to_see_types(const Import& import, const BuildOptions& options,
                                           onnx::ImportOptions how) {
  auto imported = import(how);
  if (imported.ok() || options.profiles.empty()) return imported;
  for (const auto& [name, wanted] : options.profiles) {
    Shape& shape = how.shapes[name];
    for (size_t i = 0; i < wanted.min.size(); ++i) {
      const bool is_fixed = i < wanted.max.size() && wanted.min[i] == wanted.max[i];
      shape.push_back(is_fixed ? Dim(wanted.min[i])
                               : Dim::symbol(sanitize_symbol(name) + "_d" + std::to_string(i)));
    }
  }
  auto with_profiles = import(how);
  return with_profiles.ok() ? std::move(with_profiles) : std::move(imported);
}

Result<PreparedModel> prepare(const Import& import, const BuildOptions& options) {
  onnx::ImportOptions how;
  how.allow_links = options.allow_links;
  RK_TRY(onnx::Imported imported, import_to_see_types(import, options, how));
  Profile profile;
  for (const auto& [name, wanted] : options.profiles) {
    const ValueId v = imported.graph.find(name);
    if (v == ValueId::none || !imported.graph.is_input(v)) {
      std::string known;
      for (ValueId in : imported.graph.inputs)
        known += (known.empty() ? "" : ", ") + printable(imported.graph[in].name);
      return profile_error(name, "the model has no such input; it has " + known);
    }
    RK_CHECK(apply_profile(name, imported.graph[v].type, wanted, how.shapes[name], profile));
  }
  if (!how.shapes.empty()) {
    RK_TRY(imported, import(how));
  }
  PreparedModel model;
  model.meta.producer = std::string("rekindle ") + kVersion;
  model.meta.model_hash = to_hex(imported.content_hash);
  model.meta.model_name = imported.model_name;
  model.meta.options = options_json(options);
  model.node_count = int(imported.node_count);
  model.notes = std::move(imported.notes);
  model.graph = std::move(imported.graph);
  model.profile = std::move(profile);
  return model;
}

/// Names given to --disable are passes or the beginnings of tactic names. "passes" and "kernels" are all of
/// them but the last resort: together they leave the reference, one op after the other.
Status split_disabled(const BuildOptions& options, const Backend& backend, CompileOptions& compile) {
  for (const std::string& name : options.disabled) {
    if (name == "passes") {
      for (const Pass& pass : standard_pipeline()) compile.passes.disabled.emplace_back(pass.name);
      continue;
    }
    if (name == "kernels") {
      for (const Tactic* tactic : backend.tactics)
        if (!tactic->is_last_resort()) compile.disabled_tactics.emplace_back(tactic->name());
      continue;
    }
    bool is_tactic = false;
    for (const Tactic* tactic : backend.tactics) is_tactic |= tactic->name().starts_with(name);
    if (is_tactic) {
      compile.disabled_tactics.push_back(name);
      continue;
    }
    if (!find_pass(name)) {
      std::string known;
      for (const Pass& pass : standard_pipeline())
        known += (known.empty() ? "" : ", ") + std::string(pass.name);
      for (const Tactic* tactic : backend.tactics) known += ", " + std::string(tactic->name());
      return Status::error(Code::not_found, "there is no pass or tactic '" + name +
                                                "' to disable; there are passes, kernels, " + known);
    }
    compile.passes.disabled.push_back(name);
  }
  return {};
}

Status check_precision(Precision precision, bool is_gpu, const std::string& target) {
  const Precision lower = is_gpu ? Precision::fp16 : Precision::bf16;
  if (precision == Precision::fp32 || precision == Precision::best || precision == lower) return {};
  if (precision == Precision::int8 && !is_gpu) return {};
  return Status::error(Code::unsupported, "precision " + std::string(enum_name(precision)) +
                                              " is not in this build for target " + target +
                                              "; there are fp32, " + std::string(enum_name(lower)) +
                                              (is_gpu ? " and best" : ", int8 and best"));
}

Result<Compiled> compile_for(const PreparedModel& model, const std::string& target_name,
                             const BuildOptions& options, TimingCache& cache) {
  CompileOptions compile_options;
  RK_TRY(compile_options.target, resolve_target(target_name));
  RK_TRY(const Backend backend, backend_for(compile_options.target));
  compile_options.threads = options.threads > 0 ? options.threads : usable_cores();
  compile_options.target.threads = compile_options.threads;
  compile_options.profile = model.profile;
  compile_options.effort = options.effort;
  const bool is_gpu = compile_options.target.device != "cpu";
  RK_CHECK(check_precision(options.precision, is_gpu, target_name));
  compile_options.bf16 =
      !is_gpu && (options.precision == Precision::best || options.precision == Precision::bf16);
  compile_options.fp16 =
      is_gpu && (options.precision == Precision::best || options.precision == Precision::fp16);
  compile_options.cache = &cache;
  compile_options.limit = options.limit;
  compile_options.keep_ir = options.keep_ir;
  compile_options.passes.dump_dir = options.dump_passes;
  compile_options.progress = options.progress;
  RK_CHECK(split_disabled(options, backend, compile_options));
  set_threads(compile_options.threads);
  return compile(model.graph, backend, compile_options);
}

Status check_options(const BuildOptions& options) {
  if (options.effort < 0 || options.effort > 5)
    return Status::error(Code::invalid_argument,
                         "effort " + std::to_string(options.effort) + " is outside 0 to 5");
  if (options.threads < 0)
    return Status::error(Code::invalid_argument,
                         "threads " + std::to_string(options.threads) + " is negative");
  if (options.targets.empty())
    return Status::error(Code::invalid_argument, "no target is given, expected at least one");
  const bool is_int8 = options.precision == Precision::int8;
  if (is_int8 && options.calibration.empty())
    return Status::error(
        Code::invalid_argument,
        "precision int8 needs samples or a calibration table (--calibrate), and none is given");
  if (!is_int8 && !options.calibration.empty())
    return Status::error(Code::invalid_argument, "calibration is for precision int8, this build is for " +
                                                     std::string(enum_name(options.precision)));
  return {};
}

/// The same model in FP32, without measurements: what a build in lower precision is compared with.
Status report_errors(const PreparedModel& model, const BuildOptions& options, BuiltEngine& built) {
  BuildOptions exact;
  exact.threads = options.threads;
  exact.effort = 0;
  exact.disabled = options.disabled;
  if (options.progress) options.progress("compare", 0, 0);
  for (const std::string& target : options.targets) {
    TimingCache none;
    VariantMerger merged;
    BuildReport unused;
    RK_TRY(Compiled compiled, compile_for(model, target, exact, none));
    RK_CHECK(merged.add(std::move(compiled), target, unused));
    RK_TRY(const std::string reference, engine_bytes(merged.contents(model.meta)));
    auto errors = precision_errors(built.bytes, reference);
    if (errors.ok())
      built.report.precision_errors = *std::move(errors);
    else  // made-up inputs may not be what a model can run on
      built.report.notes.push_back("the error against FP32 is not known: " + errors.status().message());
    break;  // the variants differ in speed, not in what they round
  }
  return {};
}

/// The table in a file, or made from samples.
Result<quantize::CalibrationTable> calibration_of(const PreparedModel& model, const BuildOptions& options,
                                                  BuildReport& report) {
  const std::filesystem::path path(options.calibration);
  const std::string extension = path.extension().string();
  if (std::filesystem::is_regular_file(path) && extension != ".npy" && extension != ".npz") {
    RK_TRY(const MappedFile file, MappedFile::open(options.calibration));
    return quantize::CalibrationTable::parse(file.text(), options.calibration);
  }
  quantize::CalibrationOptions how;
  how.progress = [&](std::string_view phase, int64_t done, int64_t total) {
    if (options.progress) options.progress(phase, int(done), int(total));
  };
  RK_TRY(quantize::Calibration made, calibrate_model(model, options.calibration, how,
                                                     options.threads > 0 ? options.threads : usable_cores()));
  report.notes.insert(report.notes.end(), made.warnings.begin(), made.warnings.end());
  return std::move(made.table);
}

Result<Compiled> compile_int8(const PreparedModel& model, const quantize::CalibrationTable& table,
                              const std::string& target, const BuildOptions& options, TimingCache& cache,
                              BuildReport& report) {
  RK_TRY(const Target resolved, resolve_target(target));
  PreparedModel quantized;
  std::vector<quantize::QuantizedLayer> layers;
  RK_TRY(quantized.graph, quantized_graph(model, table, resolved, &layers));
  quantized.profile = model.profile;
  report.quantized_layers = int(layers.size());
  report.float_layers = int(quantize::quantizable_layers(quantized.graph).size());
  return compile_for(quantized, target, options, cache);
}

Result<BuiltEngine> build(const Prepare& prepare, const BuildOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  RK_CHECK(check_options(options));
  if (options.progress) options.progress("import", 0, 0);
  RK_TRY(PreparedModel model, prepare());
  TimingCache cache;
  if (!options.timing_cache.empty()) {
    RK_TRY(cache, TimingCache::load(options.timing_cache));
  }
  BuiltEngine built;
  built.report.model_name = model.meta.model_name;
  built.report.producer = model.meta.producer;
  built.report.onnx_nodes = model.node_count;
  built.report.notes = model.notes;
  built.report.notes.insert(built.report.notes.end(), cache.notes.begin(), cache.notes.end());

  quantize::CalibrationTable table;
  if (options.precision == Precision::int8) {
    RK_TRY(table, calibration_of(model, options, built.report));
  }
  RK_TRY(std::shared_ptr<void> kernel_cache, use_kernel_cache(options.kernel_cache, built.report.notes));
  VariantMerger merged;
  for (const std::string& target : options.targets) {
    auto compiled = options.precision == Precision::int8
                        ? compile_int8(model, table, target, options, cache, built.report)
                        : compile_for(model, target, options, cache);
    // What was measured is kept, however this ends.
    if (!options.timing_cache.empty() && cache.changed()) RK_CHECK(cache.save(options.timing_cache));
    if (!compiled.ok()) return compiled.status().note("while building for target " + target);
    const std::string name = compiled->variant.target.name;  // of a file that describes a GPU: the GPU's
    RK_CHECK(merged.add(*std::move(compiled), name, built.report));
  }
  kernel_cache.reset();
  if (options.progress) options.progress("serialize", 0, 0);
  RK_TRY(built.bytes, engine_bytes(merged.contents(model.meta)));
  if (options.precision != Precision::fp32) RK_CHECK(report_errors(model, options, built));
  built.report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return built;
}

}  // namespace

Result<bool> is_engine_file(const std::filesystem::path& path) {
  RK_TRY(const MappedFile file, MappedFile::open(path.string()));
  return file.text().starts_with(engine_format::kMagic);
}

Result<BuiltEngine> build_engine(const std::filesystem::path& model, const BuildOptions& options) {
  return build([&] { return prepare_model(model, options); }, options);
}

Result<BuiltEngine> build_engine(std::span<const std::byte> model, const std::filesystem::path& folder,
                                 const BuildOptions& options) {
  const Import import = [&](const onnx::ImportOptions& how) {
    return onnx::import_bytes(model, folder, how);
  };
  return build([&] { return prepare(import, options); }, options);
}

Result<PreparedModel> prepare_model(const std::filesystem::path& model, const BuildOptions& options) {
  RK_TRY(const bool is_engine, is_engine_file(model));
  if (is_engine) {
    if (!options.profiles.empty())
      return profile_error(options.profiles.begin()->first,
                           "the sizes of an engine are fixed, expected an ONNX model or no profile");
    return model_of_engine(model);
  }
  return prepare([&](const onnx::ImportOptions& how) { return onnx::import_file(model, how); }, options);
}

}  // namespace rekindle
