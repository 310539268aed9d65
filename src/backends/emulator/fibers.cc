// Mapping stacks.
// SPDX-License-Identifier: Apache-2.0
#include "backends/emulator/fibers.h"

#include <sys/mman.h>
#include <unistd.h>

namespace rekindle::emulator {

Result<FiberStacks> FiberStacks::make(size_t count) {
  constexpr size_t kStack = 128 * 1024;
  FiberStacks stacks;
  stacks.guard_ = size_t(sysconf(_SC_PAGESIZE));
  stacks.stride_ = kStack + stacks.guard_;
  const size_t bytes = stacks.stride_ * count;
  void* const memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    return Status::error(Code::out_of_memory, "cannot map stacks for the " + std::to_string(count) +
                                                  " threads of an emulated block");
  stacks.memory_ = std::shared_ptr<void>(memory, [bytes](void* p) { munmap(p, bytes); });
  for (size_t i = 0; i < count; ++i)
    mprotect(static_cast<std::byte*>(memory) + i * stacks.stride_, stacks.guard_, PROT_NONE);
  return stacks;
}

}  // namespace rekindle::emulator
