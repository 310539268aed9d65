// Finding cases and running one of them.
// SPDX-License-Identifier: Apache-2.0
#include "cli/cases.h"

#include <algorithm>
#include <functional>

#include "cli/load.h"
#include "onnx/import.h"
#include "onnx/tensor_file.h"

namespace rekindle::cli {

namespace {

namespace fs = std::filesystem;

/// Runs a model once; made for one model and used for each of its data sets.
using Runner = std::function<Result<Tensors>(const Tensors&)>;

struct Model {
  std::vector<std::string> inputs, outputs;  // of the graph: several for a sequence of the model
  std::vector<DType> input_types;
  std::vector<onnx::SequenceBinding> sequences;
  Runner run;
};

Result<Model> prepare_graph(const fs::path& path, const CaseOptions& options) {
  RK_TRY(onnx::Imported imported, onnx::import_file(path));
  Model model;
  model.sequences = imported.sequences;
  auto graph = std::make_shared<Graph>(std::move(imported.graph));
  if (options.pipeline == Pipeline::optimized) {
    PassContext context;
    RK_TRY(context.target, parse_target(options.target));
    RK_CHECK(run_passes(*graph, context, standard_pipeline()));
  }
  for (const ValueId v : graph->inputs) {
    model.inputs.push_back((*graph)[v].name);
    model.input_types.push_back((*graph)[v].type.dtype);
  }
  for (const ValueId v : graph->outputs) model.outputs.push_back((*graph)[v].name);
  model.run = [graph](const Tensors& inputs) { return interpret(*graph, inputs); };
  return model;
}

/// The engine knows tensors alone; which of them are a sequence of the model, the model tells.
Result<std::vector<onnx::SequenceBinding>> sequences_of(const fs::path& path) {
  RK_TRY(onnx::Imported imported, onnx::import_file(path));
  return std::move(imported.sequences);
}

Result<Model> prepare_engine(const fs::path& path, const CaseOptions& options) {
  BuildOptions build;
  build.targets = {options.target};
  build.effort = 0;  // a case is about being right
  build.threads = options.threads;
  RK_TRY(BuiltEngine built, build_engine(path, build));
  RK_TRY(const auto engine, load_engine_bytes(std::move(built.bytes)));
  RK_TRY(auto made, engine->create_context({.threads = options.threads}));
  const std::shared_ptr<Context> context = std::move(made);
  Model model;
  RK_TRY(model.sequences, sequences_of(path));
  for (const Binding& b : engine->bindings()) {
    (b.is_input ? model.inputs : model.outputs).push_back(b.name);
    if (b.is_input) model.input_types.push_back(b.type.dtype);
  }
  model.run = [context, inputs = model.inputs,
               outputs = model.outputs](const Tensors& values) -> Result<Tensors> {
    for (size_t i = 0; i < inputs.size(); ++i) RK_CHECK(context->bind(inputs[i], values[i]));
    RK_CHECK(context->run());
    Tensors results;
    for (const std::string& name : outputs) {
      RK_TRY(Tensor output, context->output(name));
      results.push_back(std::move(output));
    }
    return results;
  };
  return model;
}

/// input_0.pb, input_1.pb, … as far as they go: the tensors of the graph's inputs or outputs. `types` are
/// those of the values that have these names.
Result<Tensors> read_tensors(const fs::path& folder, const std::string& prefix, const Model& model,
                             const std::vector<std::string>& names, const std::vector<DType>& types) {
  Tensors tensors;
  std::error_code error;
  for (int i = 0;; ++i) {
    const fs::path file = folder / (prefix + "_" + std::to_string(i) + ".pb");
    if (!fs::exists(file, error)) return tensors;
    const size_t at = tensors.size();
    const auto sequence = std::find_if(model.sequences.begin(), model.sequences.end(), [&](const auto& s) {
      return at < names.size() && s.name == names[at] && s.is_input == (prefix == "input");
    });
    if (sequence == model.sequences.end()) {
      RK_TRY(Tensor tensor, onnx::read_tensor_file(file));
      tensors.push_back(std::move(tensor));
      continue;
    }
    RK_TRY(Tensors parts, onnx::read_sequence_file(file, *sequence, types[at]));
    std::move(parts.begin(), parts.end(), std::back_inserter(tensors));
  }
}

Status check_data_set(const fs::path& folder, const Model& model, const CaseOptions& options) {
  RK_TRY(const Tensors inputs, read_tensors(folder, "input", model, model.inputs, model.input_types));
  const auto count_error = [&](const char* what, size_t given, size_t wanted) {
    return Status::error(Code::invalid_argument, "the data set has " + std::to_string(given) + " " + what +
                                                     ", expected " + std::to_string(wanted) +
                                                     " as the model");
  };
  if (inputs.size() != model.inputs.size()) return count_error("inputs", inputs.size(), model.inputs.size());
  RK_TRY(const Tensors outputs, model.run(inputs));
  std::vector<DType> types;
  for (const Tensor& t : outputs) types.push_back(t.dtype());
  RK_TRY(const Tensors expected, read_tensors(folder, "output", model, model.outputs, types));
  if (expected.size() != outputs.size()) return count_error("outputs", expected.size(), outputs.size());
  for (size_t i = 0; i < outputs.size(); ++i)
    if (const std::string why = disagreement(outputs[i], expected[i], options.tolerance); !why.empty())
      return Status::error(Code::data_loss, "output '" + model.outputs[i] + "': " + why);
  return {};
}

Result<int> run_data_sets(const fs::path& folder, const CaseOptions& options) {
  const fs::path path = folder / "model.onnx";
  RK_TRY(const Model model,
         options.pipeline == Pipeline::engine ? prepare_engine(path, options) : prepare_graph(path, options));
  int sets = 0;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    if (!entry.path().filename().string().starts_with("test_data_set_")) continue;
    ++sets;
    if (Status wrong = check_data_set(entry.path(), model, options); !wrong.ok())
      return std::move(wrong).note("in " + entry.path().filename().string());
  }
  if (sets == 0) return Status::error(Code::not_found, "there is no data set, expected test_data_set_0");
  return sets;
}

}  // namespace

Result<std::vector<std::string>> find_cases(const std::string& root, const std::string& filter) {
  std::error_code error;
  if (!fs::is_directory(root, error)) return Status::error(Code::not_found, "there is no folder " + root);
  std::vector<std::string> cases;
  fs::recursive_directory_iterator at(root, fs::directory_options::skip_permission_denied, error), end;
  for (; !error && at != end; at.increment(error)) {
    if (at->path().filename() != "model.onnx") continue;
    std::string name = fs::path(at->path().parent_path()).lexically_relative(root).generic_string();
    if (name.find(filter) != std::string::npos) cases.push_back(std::move(name));
  }
  if (error) return Status::error(Code::device, "cannot read the folder " + root + ": " + error.message());
  std::sort(cases.begin(), cases.end());
  return cases;
}

CaseResult run_case(const fs::path& folder, const CaseOptions& options) {
  const auto sets = run_data_sets(folder, options);
  if (sets.ok()) return {"passed", ""};
  return {sets.status().code() == Code::unsupported ? "unsupported" : "failed", sets.status().to_string()};
}

}  // namespace rekindle::cli
