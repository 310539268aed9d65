// Graphs as text, compiled with all passes for the CPU and run, next to the reference.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "backends/cpu/device.h"
#include "backends/cpu/tactics/table.h"
#include "compiler/build.h"
#include "ops/table.h"
#include "runtime/engine.h"

namespace rekindle::test {

using Labels = std::vector<std::string>;

inline Labels labels_of(const Plan& plan) {
  Labels labels;
  for (const Step& step : plan.steps) labels.push_back(step.label);
  return labels;
}

inline Result<Compiled> compile_for_cpu(Graph graph, CompileOptions options = {}) {
  RK_TRY(options.target, parse_target("cpu"));
  options.effort = 0;
  return compile(std::move(graph), {open_cpu(options.target.isa), cpu::tactics()}, options);
}

inline Result<std::shared_ptr<const Engine>> engine_of(const Compiled& compiled) {
  EngineContents contents;
  contents.variants = {compiled.variant};
  contents.code = std::as_bytes(std::span(compiled.code));
  contents.weights = std::as_bytes(std::span(compiled.weights));
  RK_TRY(auto bytes, engine_bytes(contents));
  const auto kept = std::make_shared<std::string>(std::move(bytes));
  RK_TRY(EngineFile file, open_engine_bytes(std::as_bytes(std::span(*kept)), kept));
  LoadOptions options;
  const Isa isa = compiled.variant.target.isa;
  options.open_device = [isa](std::string_view) -> Result<std::shared_ptr<Device>> { return open_cpu(isa); };
  return Engine::from_file(std::move(file), options);
}

/// Seeded noise for floats, small numbers for the rest.
inline Result<Tensors> random_inputs(const Graph& graph, const Bindings& sizes) {
  std::mt19937 random(11);
  std::uniform_real_distribution<double> noise(-1, 1);
  Tensors inputs;
  for (const ValueId v : graph.inputs) {
    RK_TRY(Dims dims, eval(graph[v].type.shape, sizes));
    RK_TRY(Tensor tensor, Tensor::make(graph[v].type.dtype, dims));
    for (int64_t i = 0; i < tensor.count(); ++i)
      tensor.set_double(i, is_float(tensor.dtype()) ? noise(random) : double(random() % 2));
    inputs.push_back(std::move(tensor));
  }
  return inputs;
}

inline void expect_near(const Tensor& got, const Tensor& expected, const std::string& name) {
  ASSERT_EQ(got.type().to_string(), expected.type().to_string()) << name;
  double largest = 1e-30;
  for (int64_t i = 0; i < expected.count(); ++i)
    largest = std::max(largest, std::fabs(expected.as_double(i)));
  for (int64_t i = 0; i < expected.count(); ++i)
    ASSERT_NEAR(got.as_double(i), expected.as_double(i), 1e-5 * largest) << name << ", element " << i;
}

/// Runs the compiled graph for these sizes and compares every output with the reference.
inline void expect_same_results(const Graph& graph, const Compiled& compiled, const Bindings& sizes) {
  const auto engine = engine_of(compiled);
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  const auto inputs = random_inputs(graph, sizes);
  ASSERT_TRUE(inputs.ok()) << inputs.status().to_string();
  const auto expected = interpret(graph, *inputs);
  ASSERT_TRUE(expected.ok()) << expected.status().to_string();
  auto context = (*engine)->create_context({.threads = 1});
  ASSERT_TRUE(context.ok()) << context.status().to_string();
  for (size_t i = 0; i < inputs->size(); ++i) {
    const Status bound = (*context)->bind(graph[graph.inputs[i]].name, (*inputs)[i]);
    ASSERT_TRUE(bound.ok()) << bound.to_string();
  }
  const Status run = (*context)->run();
  ASSERT_TRUE(run.ok()) << run.to_string();
  for (size_t i = 0; i < expected->size(); ++i) {
    const std::string& name = graph[graph.outputs[i]].name;
    const auto got = (*context)->output(name);
    ASSERT_TRUE(got.ok()) << got.status().to_string();
    expect_near(*got, (*expected)[i], name);
  }
}

/// Compiles the text, compares the steps' labels, and the results for every one of `sizes`.
inline void expect_steps(const std::string& text, const Labels& steps,
                         const std::vector<Bindings>& sizes = {{}}) {
  const auto graph = parse(text, ops::table());
  ASSERT_TRUE(graph.ok()) << graph.status().to_string();
  const auto compiled = compile_for_cpu(*graph);
  ASSERT_TRUE(compiled.ok()) << compiled.status().to_string();
  EXPECT_EQ(labels_of(compiled->variant.plan), steps);
  for (const Bindings& each : sizes) expect_same_results(*graph, *compiled, each);
}

}  // namespace rekindle::test
