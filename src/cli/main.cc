// The rekindle program: finds the command, runs it, turns errors into messages and exit codes.
// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <cstdio>

#include "api/version.h"
#include "cli/command.h"

int main(int argc, char** argv) {
  using namespace rekindle;
  CLI::App app{"Compiles ONNX models into tuned engines and runs them."};
  app.set_version_flag("--version", std::string("rekindle ") + kVersion);
  app.require_subcommand(1);
  app.footer("Examples:\n"
             "  rekindle build model.onnx -o model.engine\n"
             "  rekindle run model.engine --input x=picture.npy --output-dir out\n"
             "  rekindle bench model.engine\n"
             "'rekindle COMMAND --help' has the options of a command.");
  cli::Command chosen;
#define RK_COMMAND(name) cli::add_##name(app, chosen);
#include "cli/commands.def"
#undef RK_COMMAND
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    const bool is_help = e.get_exit_code() == 0;
    app.exit(e);
    return is_help ? cli::kOk : cli::kUsage;
  }
  const auto code = chosen.run();
  if (code.ok()) return *code;
  std::fprintf(stderr, "error: %s\n", code.status().to_string().c_str());
  return cli::exit_code(code.status());
}
