// rekindle run: one pass of an engine over inputs from files.
// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <set>

#include "api/builder.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/printable.h"
#include "cli/command.h"
#include "cli/inputs.h"
#include "cli/load.h"
#include "runtime/engine.h"
#include "tensor/npy.h"

namespace rekindle::cli {

namespace {

struct Arguments {
  std::string engine, output_dir;
  InputArguments inputs;
  int threads = 0;
};

/// Every character outside letters, digits, '.', '_' and '-' becomes '_'. A name that file systems find too
/// long is cut and ends in a hash of the whole; one that another output has taken already gets a number.
std::string file_name_of(const std::string& name, std::set<std::string>& taken) {
  constexpr size_t kLongest = 200;
  std::string safe = name;
  for (char& c : safe)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '_' && c != '-') c = '_';
  if (safe.size() > kLongest) safe = safe.substr(0, kLongest) + "_" + to_hex(hash64(name));
  std::string file = safe + ".npy";
  for (int i = 2; !taken.insert(file).second; ++i) file = safe + "_" + std::to_string(i) + ".npy";
  return file;
}

Status write_outputs(const Context& context, std::span<const Binding> bindings, const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    return Status::error(Code::invalid_argument, "cannot make the folder " + folder + ": " + error.message());
  Json list = Json::array();
  std::set<std::string> taken;
  for (const Binding& b : bindings) {
    if (b.is_input) continue;
    RK_TRY(Tensor output, context.output(b.name));
    const std::string file = file_name_of(b.name, taken);
    RK_CHECK(write_npy(folder + "/" + file, output));
    Json entry;
    entry["name"] = b.name;
    entry["file"] = file;
    entry["dtype"] = std::string(to_string(output.dtype()));
    entry["shape"] = output.dims();
    list.push_back(std::move(entry));
  }
  return write_file_atomically(folder + "/outputs.json", to_text(list) + "\n");
}

Result<int> run(const Arguments& a) {
  RK_TRY(auto engine, load_engine(a.engine, a.threads));
  RK_TRY(auto context, engine->create_context({.threads = a.threads}));
  Profile profile;
  for (const SymbolRange& s : engine->plan().profile) profile[s.symbol] = s.range;
  RK_TRY(auto inputs, read_inputs(engine->bindings(), profile, a.inputs));
  for (const auto& [name, tensor] : inputs) RK_CHECK(context->bind(name, tensor));
  RK_CHECK(context->run());
  if (!a.output_dir.empty()) RK_CHECK(write_outputs(*context, engine->bindings(), a.output_dir));
  for (const Binding& b : engine->bindings()) {
    if (b.is_input) continue;
    RK_TRY(Tensor output, context->output(b.name));
    std::printf("%s: %s\n", printable(b.name).c_str(), printable_lines(output.to_string(8)).c_str());
  }
  return kOk;
}

}  // namespace

void add_run(CLI::App& app, Command& chosen) {
  auto* command = app.add_subcommand("run", "Run an engine once");
  auto a = std::make_shared<Arguments>();
  command->add_option("ENGINE", a->engine, "engine file")->required();
  command->add_option("--input", a->inputs.files, "NAME=FILE.npy; inputs not given are random")->take_all();
  command->add_option("--shape", a->inputs.shapes, "NAME=1x3x224x224, the shape of a random input")
      ->take_all();
  command->add_option("--output-dir", a->output_dir, "folder for NAME.npy of each output and outputs.json");
  command->add_option("--threads", a->threads, "0: every core")->capture_default_str();
  command->footer("Example:\n  rekindle run det.engine --input x=page.npy --output-dir out");
  command->callback([a, &chosen] { chosen.run = [a] { return run(*a); }; });
}

}  // namespace rekindle::cli
