// The model as quantization sees it, and an engine that shows its values.
// SPDX-License-Identifier: Apache-2.0
#include "api/calibration.h"

#include <algorithm>

#include "api/merge_variants.h"
#include "base/parallel.h"
#include "base/printable.h"
#include "passes/passes.h"
#include "plan/engine_format.h"
#include "runtime/engine.h"

namespace rekindle {

namespace {

/// The passes that decide which weights there are: batch norms folded, siblings merged. Layout comes after.
Result<Graph> simplified(const PreparedModel& model, const Target& target) {
  Graph graph = model.graph;
  const auto pipeline = standard_pipeline();
  const auto stop = std::find_if(pipeline.begin(), pipeline.end(),
                                 [](const Pass& pass) { return pass.name == "choose-layout"; });
  PassContext context;
  context.target = target;
  context.profile = model.profile;
  RK_CHECK(run_passes(graph, context, pipeline.first(size_t(stop - pipeline.begin()))));
  return graph;
}

/// An engine of which the outputs are `values`.
Result<std::shared_ptr<const Engine>> observing_engine(const Graph& graph, std::vector<ValueId> values,
                                                       const PreparedModel& model, const Target& target,
                                                       int threads) {
  Graph observed = graph;
  observed.set_outputs(std::move(values));
  observed.remove_dead();
  RK_TRY(const Backend backend, backend_for(target));
  CompileOptions options;
  options.target = target;
  options.threads = threads;
  options.target.threads = threads;
  options.profile = model.profile;
  options.effort = 0;
  RK_TRY(Compiled compiled, compile(std::move(observed), backend, options));
  VariantMerger merged;
  BuildReport unused;
  RK_CHECK(merged.add(std::move(compiled), target.name, unused));
  RK_TRY(std::string bytes, engine_bytes(merged.contents(model.meta)));
  const auto owner =
      std::make_shared<const std::string>(std::move(bytes));  // the weights stay where they are
  RK_TRY(EngineFile file, open_engine_bytes(std::as_bytes(std::span(owner->data(), owner->size())), owner));
  LoadOptions load;
  load.open_device = open_devices();
  return Engine::from_file(std::move(file), load);
}

}  // namespace

Result<quantize::Calibration> calibrate_model(const PreparedModel& model, const std::string& path,
                                              const quantize::CalibrationOptions& options, int threads) {
  RK_TRY(const Target target, resolve_target("cpu"));
  RK_TRY(const Graph graph, simplified(model, target));
  const auto values = quantize::values_to_observe(quantize::quantizable_layers(graph));
  if (values.empty())
    return Status::error(
        Code::unsupported,
        "the model has no convolution or matrix product with constant weights: nothing to quantize");
  std::vector<quantize::SampleInput> inputs;
  for (ValueId v : graph.inputs) inputs.push_back({graph[v].name, graph[v].type});
  RK_TRY(const auto samples, quantize::SampleSource::open(path, inputs));

  // A model's input is observed in the sample itself.
  std::vector<ValueId> made;
  std::vector<std::string> names;
  for (ValueId v : values) {
    names.push_back(graph[v].name);
    if (!graph.is_input(v)) made.push_back(v);
  }
  set_threads(threads);
  RK_TRY(const auto engine, observing_engine(graph, made, model, target, threads));
  RK_TRY(const auto context, engine->create_context());
  const quantize::RunSample run = [&](const NamedTensors& sample) -> Result<Tensors> {
    for (const auto& [name, tensor] : sample)
      if (std::any_of(engine->bindings().begin(), engine->bindings().end(),
                      [&](const Binding& b) { return b.is_input && b.name == name; }))
        RK_CHECK(context->bind(name, tensor));
    RK_CHECK(context->run());
    Tensors seen;
    for (const std::string& name : names) {
      const auto given =
          std::find_if(sample.begin(), sample.end(), [&](const auto& s) { return s.first == name; });
      if (given != sample.end()) {
        seen.push_back(given->second);
        continue;
      }
      RK_TRY(Tensor value, context->output(name));
      seen.push_back(std::move(value));
    }
    return seen;
  };
  return quantize::calibrate(names, samples, run, options);
}

Result<Graph> quantized_graph(const PreparedModel& model, const quantize::CalibrationTable& table,
                              const Target& target, std::vector<quantize::QuantizedLayer>* layers) {
  RK_TRY(Graph graph, simplified(model, target));
  RK_TRY(auto done, quantize::insert_quantization(graph, table, {}));
  if (done.empty())
    return Status::error(
        Code::invalid_argument,
        "the calibration table has none of the model's values: was it made for another model?");
  if (layers) *layers = std::move(done);
  return graph;
}

}  // namespace rekindle
