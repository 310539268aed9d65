// Errors are values: a code, a message, and the trail of places the error passed through.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace rekindle {

enum class Code {
  ok,
  invalid_argument,  // the input or the request is wrong (exit code 1)
  unsupported,       // understood, but not something this build or target can do (exit code 1)
  not_found,         // a file, name or option value that does not exist (exit code 1)
  data_loss,         // a file is damaged: checksum, truncation (exit code 1)
  out_of_memory,     // (exit code 3)
  device,            // a device or the operating system failed (exit code 3)
  internal,          // our bug (exit code 70)
};
const char* to_string(Code code);

/// A place in our source. std::source_location needs clang >= 16; the builtins work on every compiler we use.
struct Where {
  const char* file;
  int line;
  static constexpr Where here(const char* f = __builtin_FILE(), int l = __builtin_LINE()) { return {f, l}; }
};

class [[nodiscard]] Status {
 public:
  Status() = default;  // ok
  static Status error(Code code, std::string message, Where at = Where::here());
  /// One more line of the trail, outermost last: "while reading model.onnx".
  Status note(std::string context, Where at = Where::here()) &&;
  bool ok() const { return trail_ == nullptr; }
  Code code() const { return code_; }
  /// The first message alone: what is wrong with what, then what was expected. Empty when ok.
  const std::string& message() const;
  /// The message, then one indented line per note. No source positions: this is what users read.
  std::string to_string() const;
  /// The same with source positions, for bug reports.
  std::string to_string_with_places() const;

 private:
  Code code_ = Code::ok;
  std::shared_ptr<std::vector<std::pair<std::string, Where>>> trail_;  // null when ok
};

/// A T or the error that kept us from having one.
template <class T> class [[nodiscard]] Result {
 public:
  using value_type = T;
  Result(T value)
      : value_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Status error)
      : value_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)
  template <class U,
            class = std::enable_if_t<std::is_convertible_v<U, T> && !std::is_same_v<std::decay_t<U>, T> &&
                                     !std::is_same_v<std::decay_t<U>, Status> &&
                                     !std::is_same_v<std::decay_t<U>, Result>>>
  Result(U&& value) : value_(std::in_place_index<0>, std::forward<U>(value)) {}  // NOLINT
  bool ok() const { return value_.index() == 0; }
  T& operator*() & { return std::get<0>(value_); }
  const T& operator*() const& { return std::get<0>(value_); }
  T&& operator*() && { return std::get<0>(std::move(value_)); }
  T* operator->() { return &std::get<0>(value_); }
  const T* operator->() const { return &std::get<0>(value_); }
  Status status() const { return ok() ? Status{} : std::get<1>(value_); }

 private:
  std::variant<T, Status> value_;
};

/// A list of errors, for readers that report all problems at once. add() ignores ok.
class Diagnostics {
 public:
  void add(Status status);
  bool empty() const { return problems_.empty(); }
  size_t size() const { return problems_.size(); }
  const std::vector<Status>& all() const { return problems_; }
  /// ok, the only problem, or "`what` has N problems:" with each on its own line (at most 50 are printed).
  Status to_status(const std::string& what) const;

 private:
  std::vector<Status> problems_;
};

/// Ends the program with a message that says that this is our bug. Used by RK_ASSERT.
[[noreturn]] void fail_assertion(const char* condition, const char* message, Where at);

}  // namespace rekindle

#include "base/result_macros.h"  // IWYU pragma: export
