// From an engine's IR section back through the compiler.
// SPDX-License-Identifier: Apache-2.0
#include "api/lower_again.h"

#include "api/version.h"
#include "compiler/ir_section.h"
#include "ops/table.h"
#include "plan/engine_file.h"

namespace rekindle {

namespace {

Result<PreparedModel> model_of(EngineFile file, const std::string& path) {
  if (file.ir.empty())
    return Status::error(Code::unsupported,
                         path + " does not hold its graph, expected an engine that was built with --keep-ir");
  PreparedModel model;
  RK_TRY(model.graph, graph_from_bytes(file.ir, ops::table()));
  RK_CHECK(model.graph.verify());
  for (const SymbolRange& s : file.variants.front().plan.profile) model.profile[s.symbol] = s.range;
  model.node_count = int(model.graph.node_count());
  model.meta = std::move(file.meta);
  model.meta.producer = std::string("rekindle ") + kVersion;
  return model;
}

}  // namespace

Result<PreparedModel> model_of_engine(const std::filesystem::path& engine) {
  RK_TRY(EngineFile file, open_engine(engine));
  auto model = model_of(std::move(file), engine.string());
  if (!model.ok()) return model.status().note("while reading the graph of " + engine.string());
  return model;
}

Result<LoadedEngine> load_or_lower_again(const std::filesystem::path& path, LoadOptions load, int threads) {
  auto as_it_is = Engine::load(path, load);
  if (as_it_is.ok()) return LoadedEngine{*std::move(as_it_is), ""};
  if (as_it_is.status().code() != Code::unsupported || load.variant >= 0) return as_it_is.status();
  RK_TRY(EngineFile file, open_engine(path, {.verify_weights = load.verify_weights}));
  if (file.ir.empty())
    return Status(as_it_is.status())
        .note(
            "expected an engine for this machine, or one with its graph (--keep-ir), which can be compiled "
            "again");

  BuildOptions options;
  options.targets = {"cpu:" + std::string(enum_name(load.isa ? *load.isa : detect_isa()))};
  options.effort = 0;
  options.threads = threads;
  auto built = build_engine(path, options);
  if (!built.ok()) return built.status().note("while compiling the graph of " + path.string() + " again");
  const auto owner = std::make_shared<const std::string>(std::move(built->bytes));
  RK_TRY(EngineFile again, open_engine_bytes(std::as_bytes(std::span(*owner)), owner));
  LoadedEngine loaded;
  RK_TRY(loaded.engine, Engine::from_file(std::move(again), load));
  loaded.note = as_it_is.status().message() + ": its graph was compiled again for " + options.targets[0];
  return loaded;
}

}  // namespace rekindle
