// What a compiled kernel's shared object says of itself: its shared variables and its segments.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace rekindle::emulator {

/// A `__shared__` variable; `address` counts from where the object is loaded.
struct SharedVariable {
  std::string name;  // as in the source, without the functions around it
  uint64_t address = 0, bytes = 0;
};
struct Segment {
  uint64_t address = 0, bytes = 0;
};
struct ObjectFile {
  std::vector<SharedVariable> shared;  // by address
  SharedVariable dynamic;              // where dynamic shared memory lies, with room for the most
  std::vector<Segment> read_only;      // constants may be read there
};

/// Reads the tables of an ELF file of this machine's kind; errors when they lie outside of the file.
Result<ObjectFile> read_object(std::string_view bytes);

}  // namespace rekindle::emulator
