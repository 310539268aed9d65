// Running two engines on the same inputs and comparing what they make.
// SPDX-License-Identifier: Apache-2.0
#include "api/precision_errors.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>

#include "api/builder.h"
#include "runtime/engine.h"

namespace rekindle {

namespace {

using Inputs = std::map<std::string, Tensor, std::less<>>;

Result<std::shared_ptr<const Engine>> loaded(std::string_view bytes) {
  RK_TRY(EngineFile file, open_engine_bytes(std::as_bytes(std::span(bytes.data(), bytes.size())), nullptr));
  LoadOptions options;
  options.open_device = open_devices();
  return Engine::from_file(std::move(file), options);
}

/// The size a symbol usually has, 1 where the profile says nothing.
Bindings usual_sizes(const Plan& plan) {
  Bindings sizes;
  std::set<std::string, std::less<>> symbols;
  for (const Binding& b : plan.bindings)
    for (const Dim& d : b.type.shape) d.collect_symbols(symbols);
  for (const std::string& s : symbols) sizes[s] = 1;
  for (const SymbolRange& s : plan.profile) sizes[s.symbol] = std::max<int64_t>(s.range.opt, s.range.min);
  return sizes;
}

Result<Inputs> made_up(const Plan& plan) {
  std::mt19937 random(11);
  std::uniform_real_distribution<float> noise(-1, 1);
  const Bindings sizes = usual_sizes(plan);
  Inputs inputs;
  for (const Binding& b : plan.bindings) {
    if (!b.is_input) continue;
    RK_TRY(Dims dims, eval(b.type.shape, sizes));
    RK_TRY(Tensor tensor, Tensor::make(b.type.dtype, dims));
    if (b.type.dtype != DType::string)
      for (int64_t i = 0; i < tensor.count(); ++i)
        tensor.set_double(i, is_float(b.type.dtype) ? double(noise(random)) : double(random() & 1));
    inputs.emplace(b.name, std::move(tensor));
  }
  return inputs;
}

Result<Inputs> results_of(const Engine& engine, const Inputs& inputs) {
  RK_TRY(auto context, engine.create_context());
  for (const auto& [name, tensor] : inputs) RK_CHECK(context->bind(name, tensor));
  RK_CHECK(context->run());
  Inputs results;
  for (const Binding& b : engine.bindings()) {
    if (b.is_input || !is_float(b.type.dtype)) continue;
    RK_TRY(Tensor result, context->output(b.name));
    results.emplace(b.name, result.clone());
  }
  return results;
}

double error_of(const Tensor& got, const Tensor& expected) {
  if (got.dims() != expected.dims()) return std::numeric_limits<double>::infinity();
  double largest = 0, difference = 0;
  for (int64_t i = 0; i < expected.count(); ++i) {
    const double g = got.as_double(i), e = expected.as_double(i);
    if (g == e || (std::isnan(g) && std::isnan(e))) continue;
    if (!std::isfinite(g) || !std::isfinite(e)) return std::numeric_limits<double>::infinity();
    difference = std::max(difference, std::fabs(g - e));
  }
  for (int64_t i = 0; i < expected.count(); ++i)
    if (const double e = std::fabs(expected.as_double(i)); std::isfinite(e)) largest = std::max(largest, e);
  return difference == 0 ? 0 : difference / largest;
}

}  // namespace

Result<std::vector<std::pair<std::string, double>>> precision_errors(std::string_view engine,
                                                                     std::string_view reference) {
  RK_TRY(const auto lower, loaded(engine));
  RK_TRY(const auto exact, loaded(reference));
  RK_TRY(const Inputs inputs, made_up(exact->plan()));
  RK_TRY(const Inputs expected, results_of(*exact, inputs));
  RK_TRY(const Inputs got, results_of(*lower, inputs));
  std::vector<std::pair<std::string, double>> errors;
  for (const auto& [name, tensor] : expected)
    if (const auto found = got.find(name); found != got.end())
      errors.emplace_back(name, error_of(found->second, tensor));
  return errors;
}

}  // namespace rekindle
