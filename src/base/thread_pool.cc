// Workers take ranges from slots by compare-and-swap; a caller takes every range that no worker has taken.
// SPDX-License-Identifier: Apache-2.0
//
// A region's ranges can only be waited for once a thread runs them, so a worker that the system does not
// schedule delays nothing that it has not begun. docs/decisions/0008-own-thread-pool.md has the reasons and
// figures.
#include "base/thread_pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace rekindle::thread_pool {

namespace {

constexpr int kSlots = 256;  // callers at once; more run their regions alone
constexpr int kMostWorkers = 1023;
constexpr int kLeastCores = 4;  // so that asking for threads gives some where the count of cores is wrong

using Word = std::atomic<uint32_t>;

void sleep_while(Word& word, uint32_t value) {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}
void wake(Word& word, int count) {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
}

void relax() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

/// Looks until done() or for kSpinNanoseconds; whether it is done.
template <class F> bool spin_until(F&& done) {
  using Clock = std::chrono::steady_clock;
  if (done()) return true;
  const auto end = Clock::now() + std::chrono::nanoseconds(kSpinNanoseconds);
  do {
    for (int i = 0; i < 16; ++i) {
      if (done()) return true;
      relax();
    }
  } while (Clock::now() < end);
  return done();
}

/// Which ranges of a slot's region are still to be taken, in one word, so that taking one is one exchange.
/// The generation tells regions apart: a worker that looked at the last one takes nothing of this one by
/// mistake.
struct Ticket {
  static constexpr int kBits = 12;
  static constexpr uint64_t kMask = (uint64_t(1) << kBits) - 1;
  uint64_t word = 0;

  static Ticket of(uint64_t generation, int64_t next, int64_t ranges) {
    return {generation << (2 * kBits) | uint64_t(next) << kBits | uint64_t(ranges)};
  }
  uint64_t generation() const { return word >> (2 * kBits); }
  int64_t next() const { return int64_t(word >> kBits & kMask); }
  int64_t ranges() const { return int64_t(word & kMask); }
  bool open() const { return next() < ranges(); }
};

/// A caller's place. Slots are never freed: a worker may still look at one whose caller is gone.
struct alignas(128) Slot {
  std::atomic<uint64_t> ticket{0};
  Word done{0};     // ranges of the region that have been run
  Word waiting{0};  // whether the caller sleeps on `done`
  std::atomic<bool> taken{false};
  int wants = 0;  // workers: what its caller's widest region so far could use
  Region region;  // written by the caller while the ticket is closed

  /// Runs the next open range; false when there is none.
  bool take() {
    Ticket seen{ticket.load(std::memory_order_acquire)};
    while (seen.open()) {
      const Ticket less = Ticket::of(seen.generation(), seen.next() + 1, seen.ranges());
      if (!ticket.compare_exchange_weak(seen.word, less.word, std::memory_order_acq_rel)) continue;
      finish(seen.next(), seen.ranges());
      return true;
    }
    return false;
  }

  /// Runs a range that this thread has taken: until it is counted, the caller cannot leave the region.
  void finish(int64_t t, int64_t ranges) {
    region.run(t);
    if (done.fetch_add(1) + 1 == uint32_t(ranges) && waiting.load() != 0) wake(done, 1);
  }
};

struct Pool {
  Slot slots[kSlots];
  std::atomic<int> slots_used{0};  // those behind it were never taken
  alignas(128) Word regions{0};    // grows with each region: what idle workers look at and sleep on
  alignas(128) Word sleepers{0};
  std::atomic<int> started{0}, wanted{0};  // workers; wanted by all slots together
  pthread_mutex_t starting = PTHREAD_MUTEX_INITIALIZER;
};
// Never destroyed: workers live until the process ends and look at it until then.
constinit Pool pool;

thread_local bool inside = false;  // of a region

/// The slot of this thread, given back when the thread ends.
struct OwnSlot {
  Slot* slot = nullptr;
  ~OwnSlot() {
    if (!slot) return;
    pool.wanted.fetch_sub(std::exchange(slot->wants, 0));
    slot->taken.store(false, std::memory_order_release);
    slot = nullptr;
  }
};
thread_local OwnSlot own;

Slot* own_slot() {
  if (own.slot) return own.slot;
  for (int i = 0; i < kSlots; ++i) {
    Slot& slot = pool.slots[i];
    if (slot.taken.exchange(true, std::memory_order_acquire)) continue;
    int used = pool.slots_used.load();
    while (used <= i && !pool.slots_used.compare_exchange_weak(used, i + 1)) {
    }
    return own.slot = &slot;
  }
  return nullptr;
}

bool take_somewhere() {
  const int used = pool.slots_used.load(std::memory_order_acquire);
  for (int i = 0; i < used; ++i)
    if (pool.slots[i].take()) return true;
  return false;
}

void* work(void*) {
  inside = true;  // for good: a worker's body runs its own loops inline
  for (;;) {
    const uint32_t seen = pool.regions.load();
    if (take_somewhere()) continue;
    if (spin_until([&] { return pool.regions.load(std::memory_order_relaxed) != seen; })) continue;
    pool.sleepers.fetch_add(1);
    // A region that came since is seen here, or its caller sees the sleeper.
    if (pool.regions.load() == seen) sleep_while(pool.regions, seen);
    pool.sleepers.fetch_sub(1);
  }
  return nullptr;
}

/// In the child of a fork the workers are gone, and so are all callers but one.
void after_fork_in_child() {
  pool.started.store(0);
  pool.wanted.store(0);
  pool.sleepers.store(0);
  for (Slot& slot : pool.slots) {
    slot.wants = 0;
    slot.ticket.store(Ticket::of(Ticket{slot.ticket.load()}.generation() + 1, 0, 0).word);
    slot.taken.store(&slot == own.slot);
  }
  pthread_mutex_unlock(&pool.starting);
}

bool start_worker() {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  sigset_t all, before;  // signals are for the program's own threads
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  const bool is_started = pthread_create(&thread, &attributes, work, nullptr) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (is_started) pthread_setname_np(thread, "rekindle");
  return is_started;
}

/// Sees to it that a caller with `wants` workers' work finds some. Callers share them, and there are never
/// more than cores: what more callers want they do themselves.
void start_workers(Slot& slot, int wants) {
  static const int most = std::min(std::max(usable_cores(), kLeastCores) - 1, kMostWorkers);
  [[maybe_unused]] static const int registered =
      pthread_atfork([] { pthread_mutex_lock(&pool.starting); }, [] { pthread_mutex_unlock(&pool.starting); },
                     after_fork_in_child);
  const int more = wants - std::exchange(slot.wants, wants);
  const int wanted = std::min(pool.wanted.fetch_add(more) + more, most);
  pthread_mutex_lock(&pool.starting);
  while (pool.started.load() < wanted && start_worker()) pool.started.fetch_add(1);
  pthread_mutex_unlock(&pool.starting);
}

void run_alone(const Region& region) {
  for (int64_t t = 0; t < region.ranges; ++t) region.run(t);
}

}  // namespace

void run(const Region& region) {
  Slot* const slot = own_slot();
  if (!slot) return run_alone(region);
  if (region.ranges - 1 > slot->wants) start_workers(*slot, int(region.ranges - 1));
  inside = true;
  slot->region = region;
  slot->done.store(0, std::memory_order_relaxed);
  slot->waiting.store(0, std::memory_order_relaxed);
  const uint64_t generation = Ticket{slot->ticket.load(std::memory_order_relaxed)}.generation() + 1;
  // The first range is the caller's, so that each thread finds in its cache what it wrote in the region
  // before.
  slot->ticket.store(Ticket::of(generation, 1, region.ranges).word, std::memory_order_release);
  pool.regions.fetch_add(1);
  if (const auto asleep = int64_t(pool.sleepers.load()); asleep > 0)
    wake(pool.regions, int(std::min(asleep, region.ranges - 1)));
  slot->finish(0, region.ranges);
  while (slot->take()) {
  }
  const auto all = uint32_t(region.ranges);
  if (!spin_until([&] { return slot->done.load(std::memory_order_acquire) == all; })) {
    slot->waiting.store(1);
    for (uint32_t done; (done = slot->done.load()) != all;) sleep_while(slot->done, done);
  }
  inside = false;
}

bool in_region() { return inside; }

int workers() { return pool.started.load(); }

}  // namespace rekindle::thread_pool
