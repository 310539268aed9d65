// What stands behind the opaque types of rekindle.h, and the border that no exception and no null pointer
// crosses. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "rekindle/rekindle.h"
#include "runtime/engine.h"

struct rekindle_status {
  rekindle::Status status;
  std::string text, details;
};
struct rekindle_blob {
  std::string bytes;
};
struct rekindle_engine {
  /// A binding as C sees it.
  struct Described {
    std::string type;
    std::vector<int64_t> dims, min, opt, max;
  };
  std::shared_ptr<const rekindle::Engine> engine;
  std::vector<Described> bindings;
};
struct rekindle_context {
  std::shared_ptr<const rekindle::Engine> engine;
  std::unique_ptr<rekindle::Context> context;
  std::map<std::string, rekindle::Tensor, std::less<>> strings;  // outputs whose elements were handed out
};

namespace rekindle::c_api {

/// Null for ok.
rekindle_status* to_c(const Status& status) noexcept;

inline Status null_argument(const char* name) {
  return Status::error(Code::invalid_argument, std::string(name) + " is null");
}

/// Runs the body of a function of the interface, which returns a Status.
template <class F> rekindle_status* guarded(F&& body) noexcept {
  try {
    return to_c(body());
  } catch (const std::bad_alloc&) {
    return to_c(Status::error(Code::out_of_memory, "the system has no more memory"));
  } catch (const std::exception& e) {
    return to_c(Status::error(Code::internal, std::string("an exception left the library: ") + e.what()));
  } catch (...) {
    return to_c(Status::error(Code::internal, "an exception left the library"));
  }
}

/// The caller's options over the defaults: callers built with an older header know fewer, those with a newer
/// one more.
template <class T> Result<T> options_of(const T* given, void (*init)(T*)) {
  T options;
  init(&options);
  if (given == nullptr) return options;
  const size_t size = given->size;
  if (size < sizeof(size_t) || size > (1 << 16))
    return Status::error(Code::invalid_argument, "an options struct has size " + std::to_string(size) +
                                                     ": it was not initialised with its _init function");
  std::memcpy(&options, given, std::min(size, sizeof options));
  return options;
}

/// Writes what the caller's struct has room for.
template <class T> Status give_struct(const T& value, T* to, const char* name) {
  if (to == nullptr) return null_argument(name);
  const size_t size = to->size;
  if (size < sizeof(size_t) || size > (1 << 16))
    return Status::error(Code::invalid_argument, std::string(name) + " has size " + std::to_string(size) +
                                                     ", expected " + std::to_string(sizeof(T)));
  std::memcpy(to, &value, std::min(size, sizeof value));
  to->size = size;
  return {};
}

}  // namespace rekindle::c_api
