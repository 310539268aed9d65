// The rekindle program: finds the command, runs it, turns errors into messages and exit codes.
// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <new>

#include "api/builder.h"
#include "api/version.h"
#ifdef RK_EMULATOR
#include "backends/emulator/compiler.h"
#include "backends/emulator/device.h"
#endif
#include "cli/command.h"

namespace {

/// Nothing here throws on purpose; what the standard library throws still ends in a message and an exit code.
rekindle::Result<int> run(const rekindle::cli::Command& chosen) {
  using rekindle::Code;
  using rekindle::Status;
  try {
#ifdef RK_EMULATOR
    RK_TRY(auto emulator, rekindle::open_emulator());
    rekindle::use_emulator(std::move(emulator), rekindle::emulator::host_compiler());
#endif
    return chosen.run();
  } catch (const std::bad_alloc&) {
    return Status::error(Code::out_of_memory, "there is not enough memory for this");
  } catch (const std::exception& e) {
    return Status::error(Code::internal, std::string("an exception escaped: ") + e.what());
  }
}

/// Files are mapped: one that another program cuts short while it is read ends in this signal, on the page
/// that is gone.
void explain_bus_error(int) {
  constexpr char kText[] =
      "error: a file was cut short while it was being read, expected it to stay as it was\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kText, sizeof kText - 1);
  _exit(rekindle::cli::kWrongInput);
}

/// A misspelt command is named: the parser would only say that there is none.
rekindle::Status known_command(const std::string& name) {
  std::string all;
#define RK_COMMAND(command)        \
  if (name == #command) return {}; \
  all += all.empty() ? #command : ", " #command;
#include "cli/commands.def"
#undef RK_COMMAND
  return rekindle::Status::error(rekindle::Code::invalid_argument,
                                 "there is no command '" + name + "', expected one of " + all);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace rekindle;
  std::signal(SIGBUS, explain_bus_error);
  CLI::App app{"Compiles ONNX models into tuned engines and runs them."};
  app.set_version_flag("--version", std::string("rekindle ") + kVersion);
  app.require_subcommand(1);
  app.footer(
      "Examples:\n"
      "  rekindle build model.onnx -o model.engine\n"
      "  rekindle run model.engine --input x=picture.npy --output-dir out\n"
      "  rekindle bench model.engine\n"
      "'rekindle COMMAND --help' has the options of a command.\n"
      "Exit codes: 0 done, 1 the input or the request is wrong, 2 the command line is, 3 a device or "
      "resource failed, "
      "70 a fault of the program.");
  if (argc > 1 && argv[1][0] != '-') {
    if (const Status known = known_command(argv[1]); !known.ok()) {
      cli::print_error(known);
      return cli::kUsage;
    }
  }
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
  const auto code = run(chosen);
  if (!code.ok()) {
    cli::print_error(code.status());
    return cli::exit_code(code.status());
  }
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return *code;
  cli::print_error(Status::error(Code::device, "standard output cannot be written"));
  return cli::kResource;
}
