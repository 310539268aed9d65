// Which thread runs next, and what becomes of those that wait.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <utility>

#include "backends/emulator/grid_run.h"

namespace rekindle::emulator {

namespace {

using boost::context::detail::jump_fcontext;
using boost::context::detail::make_fcontext;
using boost::context::detail::transfer_t;

constexpr uint32_t kWarp = 32;

}  // namespace

/// Pointers and 32-bit integers stand in 64-bit slots alike, and a function does not mind slots it has no
/// parameter for.
void GridRun::call_kernel() const {
  [this]<size_t... I>(std::index_sequence<I...>) {
    using Function = void (*)(decltype(int64_t(I))...);
    reinterpret_cast<Function>(module_.function())(arguments_[I]...);
  }
  (std::make_index_sequence<kMostArguments>());
}

void GridRun::enter(transfer_t from) {
  GridRun& run = of(from.data);
  run.scheduler_ = from.fctx;
  run.call_kernel();
  run.current_->state = State::done;
  run.yield();
}

void GridRun::resume(Thread& thread) {
  RkEmulatorTable& table = module_.table();
  const auto& n = shape_.threads;
  table.thread[0] = thread.number % n[0];
  table.thread[1] = thread.number / n[0] % n[1];
  table.thread[2] = thread.number / n[0] / n[1];
  table.stack = reinterpret_cast<const char*>(stacks_.low(thread.number));
  current_ = &thread;
  thread.context = jump_fcontext(thread.context, this).fctx;
}

Status GridRun::run() {
  fill_table();
  RkEmulatorTable& table = module_.table();
  const auto& n = shape_.blocks;
  for (block_[2] = 0; block_[2] < n[2]; ++block_[2])
    for (block_[1] = 0; block_[1] < n[1]; ++block_[1])
      for (block_[0] = 0; block_[0] < n[0]; ++block_[0], ++block_number_) {
        std::copy(block_.begin(), block_.end(), table.block);
        RK_CHECK(run_block());
      }
  if (const auto missing = memory_.unwritten())
    return Status::error(Code::internal, "kernel " + module_.name() + ": " + *missing);
  return {};
}

Status GridRun::run_block() {
  shared_.start_block(++barrier_);
  for (Thread& t : threads_) {
    t.state = State::ready;
    t.warp_moment = t.group = 0;
    t.copies.clear();
    std::byte* const low = stacks_.low(t.number);
    t.context = make_fcontext(low + stacks_.bytes(), stacks_.bytes(), &GridRun::enter);
  }
  for (;;) {
    for (Thread& t : threads_) {
      if (t.state != State::ready) continue;
      resume(t);
      if (failed_) return fault(t.number, failure_);
    }
    const auto is_done = [](const Thread& t) { return t.state == State::done; };
    if (std::all_of(threads_.begin(), threads_.end(), is_done)) return {};
    if (!complete_exchanges() && !complete_barrier()) return explain_wait();
  }
}

bool GridRun::complete_exchanges() {
  bool any = false;
  for (size_t i = 0; i < threads_.size(); ++i)
    if (threads_[i].state == State::in_exchange && complete_exchange(i)) any = true;
  return any;
}

/// Those lanes of the thread's mask that are not done must all be there, for the same.
bool GridRun::complete_exchange(size_t number) {
  const Thread& first = threads_[number];
  const size_t begin = number / kWarp * kWarp, end = std::min<size_t>(begin + kWarp, threads_.size());
  std::vector<Thread*> lanes;
  uint32_t given = 0, moment = 0;
  for (size_t i = begin; i < end; ++i) {
    Thread& lane = threads_[i];
    if ((first.mask >> (i - begin) & 1) == 0 || lane.state == State::done) continue;
    if (lane.state != State::in_exchange || lane.mask != first.mask ||
        std::strcmp(lane.what, first.what) != 0)
      return false;
    lanes.push_back(&lane);
    given |= 1u << (i - begin);
    moment = std::max(moment, lane.warp_moment);
  }
  for (Thread* to : lanes) {
    for (const Thread* from : lanes)
      if (to->all && from->bytes > 0)
        std::memcpy(to->all + (from->number % kWarp) * from->bytes, from->mine.data(), from->bytes);
    to->given = given;
  }
  for (Thread* lane : lanes) {
    lane->warp_moment = moment + 1;
    lane->state = State::ready;
  }
  return true;
}

bool GridRun::complete_barrier() {
  const int line = threads_[0].line;
  for (const Thread& t : threads_)
    if (t.state != State::at_barrier || t.line != line) return false;
  ++barrier_;
  for (Thread& t : threads_) {
    t.state = State::ready;
    t.warp_moment = 0;
  }
  return true;
}

/// Nobody can go on: who waits, and who does not come.
Status GridRun::explain_wait() const {
  for (const Thread& t : threads_) {
    if (t.state != State::in_exchange) continue;
    const size_t begin = t.number / kWarp * kWarp;
    for (size_t i = begin; i < std::min<size_t>(begin + kWarp, threads_.size()); ++i) {
      const Thread& lane = threads_[i];
      if ((t.mask >> (i - begin) & 1) == 0 || lane.state == State::done) continue;
      if (lane.state == State::in_exchange && lane.mask == t.mask && std::strcmp(lane.what, t.what) == 0)
        continue;
      return fault(t.number, "waits in " + std::string(t.what) + " for lane " + std::to_string(i - begin) +
                                 ", which waits in " +
                                 (lane.state == State::at_barrier ? "__syncthreads" : lane.what) +
                                 ", expected all lanes of the mask to take part");
    }
  }
  const auto waits = std::find_if(threads_.begin(), threads_.end(),
                                  [](const Thread& t) { return t.state == State::at_barrier; });
  const auto other = std::find_if(threads_.begin(), threads_.end(), [&](const Thread& t) {
    return t.state != State::at_barrier || t.line != waits->line;
  });
  const std::string where = "waits at __syncthreads in line " + std::to_string(waits->line);
  return fault(waits->number,
               where + ", " + name_of(other->number) +
                   (other->state == State::done ? " has returned"
                                                : " waits at that in line " + std::to_string(other->line)) +
                   ", expected all threads of the block to come to the same barrier");
}

}  // namespace rekindle::emulator
