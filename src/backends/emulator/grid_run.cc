// What a thread of a block meets: memory, barriers, its warp.
// SPDX-License-Identifier: Apache-2.0
#include "backends/emulator/grid_run.h"

#include <cstring>
#include <utility>

namespace rekindle::emulator {

namespace {

constexpr uint32_t kWarp = 32;
constexpr uint64_t kMostAccesses = uint64_t(1) << 26;  // without waiting; a loop without end makes more

std::string text_of(const std::array<uint32_t, 3>& at) {
  return "(" + std::to_string(at[0]) + ", " + std::to_string(at[1]) + ", " + std::to_string(at[2]) + ")";
}

}  // namespace

GridRun::GridRun(const Module& module, GridShape shape, std::span<const int64_t> arguments,
                 GlobalMemory& memory, FiberStacks& stacks)
    : module_(module),
      shape_(shape),
      memory_(memory),
      stacks_(stacks),
      shared_(module.object(), const_cast<std::byte*>(module.base()), shape.dynamic_shared),
      threads_(size_t(shape.threads[0]) * shape.threads[1] * shape.threads[2]) {
  std::copy(arguments.begin(), arguments.end(), arguments_.begin());
  for (size_t i = 0; i < threads_.size(); ++i) threads_[i].number = uint32_t(i);
}

std::string GridRun::name_of(uint32_t thread) const {
  const auto& n = shape_.threads;
  return "thread " + text_of({thread % n[0], thread / n[0] % n[1], thread / n[0] / n[1]});
}

Status GridRun::fault(uint32_t thread, const std::string& what) const {
  return Status::error(Code::internal, "kernel " + module_.name() + ", block " + text_of(block_) + ", " +
                                           name_of(thread) + ": " + what);
}

void GridRun::fail(std::string what) {
  failure_ = std::move(what);
  failed_ = true;
  yield();
  RK_ASSERT(false, "a thread that failed was resumed");
  std::abort();
}

void GridRun::yield() {
  accesses_ = 0;
  scheduler_ = boost::context::detail::jump_fcontext(scheduler_, nullptr).fctx;
}

void GridRun::access(const void* at, uint32_t bytes, RkEmulatorAccess how) {
  if (++accesses_ > kMostAccesses) fail("does not come to an end");
  if (shared_.covers(at)) {
    const auto fault = shared_.access(at, bytes, how, now());
    if (fault) fail(fault->what + (fault->other ? name_of(*fault->other) + " " : "") + fault->rest);
    return;
  }
  const auto fault = memory_.access(at, bytes, how, block_number_);
  if (!fault) return;
  if (how == rk_emulator_read)  // perhaps a constant of the kernel
    for (const Segment& s : module_.object().read_only)
      if (uint64_t(static_cast<const std::byte*>(at) - module_.base()) - s.address < s.bytes) return;
  fail(*fault);
}

void GridRun::barrier(int line) {
  current_->state = State::at_barrier;
  current_->line = line;
  yield();
}

uint32_t GridRun::exchange(const char* what, uint32_t mask, const void* mine, uint32_t bytes, void* all) {
  if (bytes > current_->mine.size()) fail(std::string(what) + " moves too many bytes for the emulator");
  if ((mask >> current_->number % kWarp & 1) == 0)
    fail("calls " + std::string(what) + " with a mask without its own lane");
  current_->state = State::in_exchange;
  current_->what = what;
  current_->mask = mask;
  current_->bytes = bytes;
  current_->all = static_cast<std::byte*>(all);
  std::memcpy(current_->mine.data(), mine, bytes);
  yield();
  return current_->given;
}

void GridRun::start_copy(void* to, const void* from, uint32_t bytes, uint32_t from_bytes) {
  if (reinterpret_cast<uintptr_t>(to) % bytes != 0 ||
      (from_bytes > 0 && reinterpret_cast<uintptr_t>(from) % bytes != 0))
    fail("copies " + std::to_string(bytes) + " bytes asynchronously at an address that is no multiple of it");
  if (from_bytes > 0) access(from, from_bytes, rk_emulator_read);
  access(to, bytes, rk_emulator_write);
  std::memset(to, 0xff, bytes);  // whoever reads before the wait gets no number
  current_->copies.push_back(
      {static_cast<std::byte*>(to), static_cast<const std::byte*>(from), bytes, from_bytes, current_->group});
}

void GridRun::wait_groups(uint32_t most_left) {
  auto& copies = current_->copies;
  size_t done = 0;
  for (; done < copies.size() && copies[done].group + most_left < current_->group; ++done) {
    const Copy& c = copies[done];
    access(c.to, c.bytes, rk_emulator_write);
    std::memset(c.to, 0, c.bytes);
    if (c.from_bytes > 0) std::memcpy(c.to, c.from, c.from_bytes);
  }
  copies.erase(copies.begin(), copies.begin() + long(done));
}

void GridRun::fill_table() {
  RkEmulatorTable& table = module_.table();
  for (size_t d = 0; d < 3; ++d) {
    table.threads[d] = shape_.threads[d];
    table.blocks[d] = shape_.blocks[d];
    table.block[d] = block_[d];
  }
  table.run = this;
  table.stack_bytes = stacks_.bytes();
  table.access = [](void* run, const void* at, unsigned bytes, int how) {
    of(run).access(at, bytes, RkEmulatorAccess(how));
  };
  table.barrier = [](void* run, int line) { of(run).barrier(line); };
  table.exchange = [](void* run, const char* what, unsigned mask, const void* mine, unsigned bytes,
                      void* all) { return of(run).exchange(what, mask, mine, bytes, all); };
  table.fail = [](void* run, const char* what, const void* at, unsigned number) {
    of(run).fail_in_kernel(what, at, number);
  };
  table.start_copy = [](void* run, void* to, const void* from, unsigned bytes, unsigned from_bytes) {
    of(run).start_copy(to, from, bytes, from_bytes);
  };
  table.end_group = [](void* run) { ++of(run).current_->group; };
  table.wait_groups = [](void* run, unsigned most_left) { of(run).wait_groups(most_left); };
}

void GridRun::fail_in_kernel(const std::string& what, const void* at, uint32_t number) {
  if (what == "misaligned")
    fail("reads or writes a vector of " + std::to_string(number) + " bytes at an address that is " +
         std::to_string(reinterpret_cast<uintptr_t>(at) % number) + " past a multiple of it");
  if (number == kWarp) fail(what + " is done by a part of the warp only, expected all 32 lanes to take part");
  if (what.starts_with("__shfl"))
    fail(what + " takes the value of lane " + std::to_string(number) + ", which is not there");
  fail(what + " is not known to the emulator");
}

}  // namespace rekindle::emulator
