// What the commands share.
// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "base/file.h"
#include "base/printable.h"

namespace rekindle::cli {

int exit_code(const Status& status) {
  switch (status.code()) {
    case Code::ok:
      return kOk;
    case Code::out_of_memory:
    case Code::device:
      return kResource;
    case Code::internal:
      return kInternal;
    default:
      return kWrongInput;
  }
}

namespace {
double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
}  // namespace

Progress::Progress(bool quiet) : quiet_(quiet), is_terminal_(isatty(STDERR_FILENO) != 0) {
  const char* terminal = std::getenv("TERM");
  if (terminal == nullptr || std::string_view(terminal) == "dumb")
    is_terminal_ = false;  // it cannot rewrite lines
}

void Progress::operator()(std::string_view phase, int done, int total) {
  if (quiet_) return;
  if (phase != phase_) {
    finish();
    phase_ = phase;
    started_ = now();
    if (!is_terminal_) std::fprintf(stderr, "%s\n", phase_.c_str());
  }
  if (!is_terminal_) return;
  std::string line = "\r\033[K" + phase_;
  if (total > 0) {
    const double spent = now() - started_;
    const double left = done > 0 ? spent / done * (total - done) : 0;
    char numbers[64];
    std::snprintf(numbers, sizeof numbers, " %d/%d, %.0f s left", done, total, left);
    line += numbers;
  }
  std::fputs(line.c_str(), stderr);
}

void Progress::finish() {
  if (!quiet_ && is_terminal_ && !phase_.empty()) std::fputs("\r\033[K", stderr);
  phase_.clear();
}

void print_error(const Status& status) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool colored = isatty(STDERR_FILENO) != 0 && (no_color == nullptr || *no_color == '\0') &&
                       terminal != nullptr && std::string_view(terminal) != "dumb";
  std::fprintf(stderr, "%serror:%s %s\n", colored ? "\033[31m" : "", colored ? "\033[0m" : "",
               printable_lines(status.to_string()).c_str());
  if (status.code() == Code::internal)
    std::fprintf(stderr, "This is a fault of the program. Where it happened:\n%s\n",
                 printable_lines(status.to_string_with_places()).c_str());
}

Status write_json(Json json, const std::string& path) {
  json["schema"] = 1;
  const std::string text = to_text(json) + "\n";
  if (path == "-") return std::fputs(text.c_str(), stdout), Status{};
  return write_file_atomically(path, text);
}

std::string human_bytes(int64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = double(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit < 4) value /= 1024, ++unit;
  char text[32];
  std::snprintf(text, sizeof text,
                unit == 0    ? "%.0f %s"
                : value < 10 ? "%.2f %s"
                             : "%.1f %s",
                value, kUnits[unit]);
  return text;
}

}  // namespace rekindle::cli
