// A kernel's shared object, loaded into this process.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <mutex>
#include <string>

#include "backends/emulator/language/table.cuh"
#include "backends/emulator/object_file.h"

namespace rekindle::emulator {

class Module {
 public:
  /// `name` is the kernel's. Errors: no such function, or what the loader says.
  static Result<std::shared_ptr<Module>> load(const std::string& bytes, const std::string& name);
  ~Module();
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  using Function = void (*)();
  Function function() const { return function_; }
  RkEmulatorTable& table() const { return *table_; }
  const ObjectFile& object() const { return object_; }
  const std::byte* base() const { return base_; }  // what the addresses in object() count from
  const std::string& name() const { return name_; }
  /// Held by a launch: its blocks share the variables of the object.
  std::mutex& in_use() const { return in_use_; }

 private:
  Module() = default;
  std::string name_;
  int file_ = -1;
  void* library_ = nullptr;
  Function function_ = nullptr;
  RkEmulatorTable* table_ = nullptr;
  const std::byte* base_ = nullptr;
  ObjectFile object_;
  mutable std::mutex in_use_;
};

}  // namespace rekindle::emulator
