// One launch under way: the blocks of the grid one after the other, the threads of a block as fibers.
// SPDX-License-Identifier: Apache-2.0
//
// A fiber runs until it waits, at a barrier or in an operation of its warp, or is done. When none can go on,
// operations whose lanes are all there complete, then the barrier does; if nothing can complete, threads wait
// for each other in vain, which is a fault. So the order is the same in every run.
#pragma once
#include <array>
#include <boost/context/detail/fcontext.hpp>
#include <span>
#include <string>
#include <vector>

#include "backends/emulator/fibers.h"
#include "backends/emulator/global_memory.h"
#include "backends/emulator/module.h"
#include "backends/emulator/shared_memory.h"

namespace rekindle::emulator {

struct GridShape {
  std::array<uint32_t, 3> blocks{1, 1, 1}, threads{1, 1, 1};
  uint32_t dynamic_shared = 0;
};

class GridRun {
 public:
  static constexpr size_t kMostArguments = 64;
  /// Arguments as they stand in 64-bit slots; at most kMostArguments.
  GridRun(const Module& module, GridShape shape, std::span<const int64_t> arguments, GlobalMemory& memory,
          FiberStacks& stacks);
  /// Errors name the kernel, the block and the thread.
  Status run();

 private:
  enum class State { ready, at_barrier, in_exchange, done };
  struct Copy {
    std::byte* to;
    const std::byte* from;
    uint32_t bytes, from_bytes, group;
  };
  struct Thread {
    boost::context::detail::fcontext_t context = nullptr;
    State state = State::ready;
    uint32_t number = 0, warp_moment = 0;
    int line = 0;  // of the barrier
    // The operation it takes part in.
    const char* what = nullptr;
    uint32_t mask = 0, bytes = 0, given = 0;
    std::array<std::byte, 128> mine;
    std::byte* all = nullptr;
    // Copies started and not waited for, and the number of the group that is open.
    std::vector<Copy> copies;
    uint32_t group = 0;
  };

  static GridRun& of(void* run) { return *static_cast<GridRun*>(run); }
  static void enter(boost::context::detail::transfer_t from);
  void call_kernel() const;
  void yield();
  [[noreturn]] void fail(std::string what);
  [[noreturn]] void fail_in_kernel(const std::string& what, const void* at, uint32_t number);

  void access(const void* at, uint32_t bytes, RkEmulatorAccess how);
  void barrier(int line);
  uint32_t exchange(const char* what, uint32_t mask, const void* mine, uint32_t bytes, void* all);
  void start_copy(void* to, const void* from, uint32_t bytes, uint32_t from_bytes);
  void wait_groups(uint32_t most_left);
  void fill_table();

  Status run_block();
  void resume(Thread& thread);
  bool complete_exchanges();
  bool complete_exchange(size_t first);
  bool complete_barrier();
  Status explain_wait() const;
  Moment now() const { return {current_->number, barrier_, current_->warp_moment}; }
  std::string name_of(uint32_t thread) const;
  Status fault(uint32_t thread, const std::string& what) const;

  const Module& module_;
  GridShape shape_;
  std::array<int64_t, kMostArguments> arguments_{};
  GlobalMemory& memory_;
  FiberStacks& stacks_;
  SharedMemory shared_;
  std::vector<Thread> threads_;
  std::array<uint32_t, 3> block_{};
  uint32_t block_number_ = 0, barrier_ = 1;
  Thread* current_ = nullptr;
  boost::context::detail::fcontext_t scheduler_ = nullptr;
  uint64_t accesses_ = 0;  // of the thread that runs, since it last waited
  std::string failure_;    // of the current thread
  bool failed_ = false;
};

}  // namespace rekindle::emulator
