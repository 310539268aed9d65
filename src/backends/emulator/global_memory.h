// The memory a launch may touch: its inputs, outputs and workspace, each byte of what is written watched.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "backends/emulator/language/table.cuh"
#include "device/device.h"

namespace rekindle::emulator {

/// One argument's bytes, from the first to the last that its shape and strides reach.
struct Extent {
  std::string name;  // "input 0"
  const std::byte* begin = nullptr;
  int64_t bytes = 0;
};
/// The bytes between a view's first and last element.
int64_t extent_bytes(const ArgShape& shape);

class GlobalMemory {
 public:
  void add_input(Extent extent) { inputs_.push_back(std::move(extent)); }
  /// Outputs start unwritten, but for bytes that an input has too.
  void add_output(Extent extent, ArgShape shape);
  /// The first `zeroed` bytes are written.
  void add_workspace(Extent extent, int64_t zeroed);

  /// What is wrong with an access from a block, if anything is.
  std::optional<std::string> access(const void* at, uint32_t bytes, RkEmulatorAccess how, uint32_t block);
  /// Once all blocks are done: which element of an output nobody wrote.
  std::optional<std::string> unwritten() const;

 private:
  struct Written {
    Extent extent;
    ArgShape shape;
    bool is_output = false;
    std::vector<uint32_t> writers;  // a byte: kNobody, kBefore, or number of a block + kFirst
  };
  std::optional<std::string> access_written(Written& to, int64_t offset, uint32_t bytes, RkEmulatorAccess how,
                                            uint32_t block);
  std::string nearest(const std::byte* at, uint32_t bytes, RkEmulatorAccess how) const;

  std::vector<Extent> inputs_;
  std::vector<Written> written_;
  size_t last_input_ = 0;
};

}  // namespace rekindle::emulator
