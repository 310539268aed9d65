// Loading an engine: the variant that this machine can run, its devices and kernels.
// SPDX-License-Identifier: Apache-2.0
#include "runtime/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/parallel.h"
#include "base/trace.h"
#include "runtime/engine_state.h"

namespace rekindle {

namespace {

/// The order in which variants are tried: other devices before the CPU, more instructions before fewer, then
/// as in the file.
std::vector<size_t> by_preference(const std::vector<Variant>& variants) {
  std::vector<size_t> order(variants.size());
  std::iota(order.begin(), order.end(), size_t(0));
  const auto rank = [&](size_t i) {
    return std::pair(variants[i].target.device == "cpu" ? 1 : 0, -int(variants[i].plan.isa));
  };
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return rank(a) < rank(b); });
  return order;
}

Status check_isa(const Plan& plan, const LoadOptions& options) {
  const Isa here = options.isa ? *options.isa : detect_isa();
  if (plan.isa <= here) return {};
  return Status::error(Code::unsupported,
                       fmt::format("needs {}, this machine has {}", enum_name(plan.isa), enum_name(here)));
}

/// "cpu:avx2": kernels of the level the plan was made for, since weights are packed for it and every machine
/// that runs it should give the same numbers.
std::string device_for(const std::string& name, Isa isa) {
  return name == "cpu" ? name + ":" + std::string(enum_name(isa)) : name;
}

Result<std::unique_ptr<LoadedPlan>> load_variant(const EngineFile& file, const Plan& plan,
                                                 const LoadOptions& options) {
  RK_CHECK(check_isa(plan, options));
  LoadEnvironment environment;
  environment.code = file.code, environment.weights = file.weights;
  for (const std::string& name : plan.devices) {
    auto device = options.open_device(device_for(name, plan.isa));
    if (!device.ok()) return device.status();
    environment.devices.push_back(*std::move(device));
  }
  return LoadedPlan::load(plan, environment);
}

}  // namespace

Engine::Engine() : state_(std::make_unique<State>()) {}
Engine::~Engine() = default;

Result<std::shared_ptr<const Engine>> Engine::load(const std::filesystem::path& path,
                                                   const LoadOptions& options) {
  const trace::Scope scope("load engine");
  RK_TRY(EngineFile file, open_engine(path, {.verify_weights = options.verify_weights}));
  auto engine = from_file(std::move(file), options);
  if (!engine.ok()) return engine.status().note("while loading the engine " + path.string());
  return engine;
}

Result<std::shared_ptr<const Engine>> Engine::from_file(EngineFile file, const LoadOptions& options) {
  if (!options.open_device)
    return Status::error(Code::internal, "an engine is loaded without a way to open devices");
  const std::shared_ptr<Engine> engine(new Engine());
  State& state = *engine->state_;
  state.file = std::move(file);
  const std::vector<Variant>& variants = state.file.variants;
  std::vector<size_t> order = by_preference(variants);
  if (options.variant >= 0) {
    if (size_t(options.variant) >= variants.size())
      return Status::error(Code::not_found, fmt::format("the engine has no variant {}, it has {}",
                                                        options.variant, variants.size()));
    order = {size_t(options.variant)};
  }
  Status last;
  std::string reasons;
  for (const size_t i : order) {
    auto loaded = load_variant(state.file, variants[i].plan, options);
    if (loaded.ok()) {
      state.variant = i;
      state.plan = *std::move(loaded);
      return std::shared_ptr<const Engine>(engine);
    }
    last = loaded.status();
    reasons += fmt::format("\n  {}: {}", variants[i].plan.target, last.message());
  }
  if (last.code() == Code::unsupported && !state.file.ir.empty())
    last = std::move(last).note(
        "the engine holds its graph: rekindle build ENGINE -o NEW compiles it for this machine");
  if (order.size() == 1) return std::move(last).note("in variant " + variants[order[0]].plan.target);
  return Status::error(last.code(), "no variant of this engine runs here:" + reasons);
}

std::span<const Binding> Engine::bindings() const { return plan().bindings; }
const Plan& Engine::plan() const { return *state_->plan->plan; }
const EngineFile& Engine::file() const { return state_->file; }

Result<std::unique_ptr<Context>> Engine::create_context(const ContextOptions& options) const {
  std::unique_ptr<Context> context(new Context());
  Context::State& state = *context->state_;
  state.engine = shared_from_this();
  state.options = options;
  const LoadedPlan& plan = *state_->plan;
  for (const auto& device : plan.devices) {
    RK_TRY(std::unique_ptr<Stream> stream, device->create_stream());
    state.resources.streams.push_back(std::move(stream));
  }
  state.resources.workspaces.resize(plan.devices.size());
  state.resources.threads = options.threads > 0 ? options.threads : usable_cores();
  state.resources.overlap = options.overlap;
  state.frame = std::make_unique<Frame>(plan, state.resources);
  state.times.resize(plan.steps.size());
  return context;
}

}  // namespace rekindle
