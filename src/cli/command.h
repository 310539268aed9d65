// What the commands share: exit codes, errors, output that knows whether a person reads it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <string>

#include "base/json.h"
#include "base/result.h"

namespace CLI {
class App;
}

namespace rekindle::cli {

// 0 ok, 1 the input or the request is wrong, 2 usage, 3 a device or resource failed, 70 our bug.
enum ExitCode { kOk = 0, kWrongInput = 1, kUsage = 2, kResource = 3, kInternal = 70 };
int exit_code(const Status& status);

/// A command registers its options and what runs when it is chosen; commands.def lists them all.
struct Command {
  std::function<Result<int>()> run;  // the exit code, or an error that main prints
};
#define RK_COMMAND(name) void add_##name(CLI::App& app, Command& chosen);
#include "cli/commands.def"
#undef RK_COMMAND

/// Progress on stderr: one rewritten line on a terminal, one line a phase otherwise. Quiet when told so.
class Progress {
 public:
  explicit Progress(bool quiet);
  void operator()(std::string_view phase, int done, int total);
  void finish();

 private:
  bool quiet_, is_terminal_;
  std::string phase_;
  double started_ = 0;
};

/// "error: …" on stderr, its first word red on a terminal unless NO_COLOR is set.
void print_error(const Status& status);

/// Writes JSON to a file, or to stdout for "-". Adds {"schema": 1}.
Status write_json(Json json, const std::string& path);

/// "3.2 MiB", "417 KiB".
std::string human_bytes(int64_t bytes);

}  // namespace rekindle::cli
