// The shared variables of a block, watched: bounds, reads of what nobody wrote, and races.
// SPDX-License-Identifier: Apache-2.0
//
// Two accesses are ordered when a barrier of the block lies between them, or, for lanes of one warp, an
// operation of the warp in which both took part. Accesses to one byte by two threads that are not ordered,
// one of them a write, are a race. Of a byte the last write and the last reads are kept, so a race may be
// found at its second appearance; what is found is one.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "backends/emulator/language/table.cuh"
#include "backends/emulator/object_file.h"

namespace rekindle::emulator {

/// Where a thread stands between the operations that order accesses.
struct Moment {
  uint32_t thread = 0;   // in the block
  uint32_t barrier = 0;  // how many were passed, counted through the launch
  uint32_t warp = 0;     // operations of the warp since
};

/// What is wrong with an access: "writes byte 4 of scratch, which ", then the thread it collides with if
/// there is one, then `rest`.
struct SharedFault {
  std::string what;
  std::optional<uint32_t> other = std::nullopt;
  std::string rest = {};
};

class SharedMemory {
 public:
  SharedMemory(const ObjectFile& object, std::byte* base, uint32_t dynamic_bytes);

  /// Whether an address is meant to be in shared memory, perhaps past the end of a variable.
  bool covers(const void* at) const;
  std::optional<SharedFault> access(const void* at, uint32_t bytes, RkEmulatorAccess how, Moment now);
  /// Makes everything unwritten again, for the next block, whose first barrier number is given.
  void start_block(uint32_t barrier);

 private:
  struct Byte {
    uint32_t write_barrier = 0, write_warp = 0, read_barrier = 0, read_warp = 0;
    uint32_t write_thread = 0, read_thread = 0;
    bool many_lanes = false, many_warps = false;  // of the reads
  };
  struct Variable {
    std::string name;
    std::byte* begin;
    uint64_t bytes, first;  // first: of its bytes in bytes_
  };
  const Variable* find(const std::byte* at) const;
  std::optional<SharedFault> collide(const Byte& byte, RkEmulatorAccess how, const Moment& now) const;
  void note(Byte& byte, RkEmulatorAccess how, const Moment& now) const;

  std::vector<Variable> variables_;  // by address
  std::vector<Byte> bytes_;
  uint32_t first_barrier_ = 1;
};

}  // namespace rekindle::emulator
