// A run after the first with the same shapes takes no memory from the allocator and no lock; a change of
// shape is cheap. SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <chrono>

#include "runtime/running.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RK_WATCHES_CALLS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RK_WATCHES_CALLS 0
#endif
#endif
#ifndef RK_WATCHES_CALLS
#define RK_WATCHES_CALLS 1  // sanitizers bring their own malloc
#endif

namespace {
thread_local bool is_watching = false;
thread_local int watched_calls = 0;
void note_call() {
  if (is_watching) ++watched_calls;
}
}  // namespace

#if RK_WATCHES_CALLS
// These take the place of the C library's in this program and pass every call on.
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
void* malloc(size_t size) {
  note_call();
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  note_call();
  return __libc_calloc(count, size);
}
void* realloc(void* memory, size_t size) {
  note_call();
  return __libc_realloc(memory, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  note_call();
  return __libc_memalign(alignment, size);
}
int pthread_mutex_lock(pthread_mutex_t* mutex) {
  using Lock = int (*)(pthread_mutex_t*);
  static const auto lock = reinterpret_cast<Lock>(dlsym(RTLD_NEXT, "pthread_mutex_lock"));
  note_call();
  return lock(mutex);
}
}
#endif

namespace rekindle {
namespace {

using test::floats;
using test::PlanMaker;
using test::Running;

class Watch {
 public:
  Watch() { watched_calls = 0, is_watching = true; }
  ~Watch() { is_watching = false; }
  int calls() const { return watched_calls; }
};

/// A chain of `steps` steps over f32[N, M], with a residual every fifth.
Plan chain(int steps) {
  PlanMaker m;
  m.size("M", 1, 16, 4096);
  m.size("N", 1, 1, 64);
  uint32_t v = m.input("x", "f32[N, M]"), kept = v;
  for (int i = 0; i < steps; ++i) {
    const uint32_t next = i + 1 == steps ? m.output("y", "f32[N, M]") : m.temp("f32[N, M]");
    if (i % 5 == 4)
      m.step("fake.add", {v, kept}, {next}), kept = next;
    else
      m.step("fake.copy", {v}, {next});
    v = next;
  }
  return m.plan();
}

TEST(SteadyState, TheWatchSeesAllocationsAndLocks) {
#if RK_WATCHES_CALLS
  const Watch watch;
  const std::unique_ptr<int> memory(new int(5));
  EXPECT_EQ(watch.calls(), 1);
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&mutex);
  pthread_mutex_unlock(&mutex);
  EXPECT_EQ(watch.calls(), 2);
#endif
}

TEST(SteadyState, ARunNeitherAllocatesNorLocks) {
  const Running r(chain(50));
  r.devices.fake->journal.on = false;
  r.bind("x", Tensor(DType::f32, {2, 16}));
  r.run();
  Status status;
  int calls = 0;
  {
    const Watch watch;
    for (int i = 0; i < 10 && status.ok(); ++i) status = r->run();
    calls = watch.calls();
  }
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(calls, 0);
}

TEST(SteadyState, BranchesInPlaceDoNotEither) {
  PlanMaker inside;
  const uint32_t a = inside.input("a", "f32[N]"), b = inside.output("b", "f32[N]");
  inside.step("fake.double", {a}, {b});
  PlanMaker m;
  const uint32_t c = m.input("c", "boolean[]"), x = m.input("x", "f32[N]"), y = m.output("y", "f32[N]");
  m.branch({c, x}, {y}, inside.plan(), inside.plan());
  const Running r(m.plan());
  r.devices.fake->journal.on = false;
  r.bind("c", Tensor::scalar<bool>(true));
  r.bind("x", floats({1, 2}));
  r.run();
  Status status;
  int calls = 0;
  {
    const Watch watch;
    status = r->run();
    calls = watch.calls();
  }
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(calls, 0);
}

/// Microseconds of the fastest of many calls: what the work costs when nothing disturbs it.
template <class F> double fastest(int times, F&& call) {
  double best = 1e9;
  for (int i = 0; i < times; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    call(i);
    best = std::min(
        best, std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count());
  }
  return best;
}

TEST(SteadyState, AShapeChangeOf300StepsTakesLessThan200Microseconds) {
  const Running r(chain(300));
  r.devices.fake->journal.on = false;
  std::vector<Tensor> inputs;
  for (int64_t m = 1; m <= 40; ++m) inputs.emplace_back(DType::f32, Dims{1, m});
  // What prepare() of the fake kernel itself costs is not the runtime's; it is measured by preparing as many
  // launches.
  const auto kernel = *r.devices.fake->load({"fake.copy", "", "", 0, 0}, {});
  const ArgShape shape{DType::f32, {1, 16}, {}, true};
  LaunchShapes shapes;
  shapes.inputs = std::span(&shape, 1), shapes.outputs = std::span(&shape, 1);
  const double kernels = fastest(20, [&](int) {
    std::vector<std::unique_ptr<Launch>> launches;
    for (int i = 0; i < 300; ++i) launches.push_back(*kernel->prepare(shapes));
  });
  const double fresh = fastest(40, [&](int i) {
    r.bind("x", inputs[size_t(i)]);
    ASSERT_TRUE(r->output_dims("y").ok());
  });
  const double back = fastest(40,
                              [&](int) {
                                for (const size_t i : {38U, 39U}) {
                                  r.bind("x", inputs[i]);
                                  ASSERT_TRUE(r->output_dims("y").ok());
                                }
                              }) /
                      2;
  RecordProperty("fresh_us", int(fresh));
  RecordProperty("kernels_us", int(kernels));
  RecordProperty("back_us", int(back));
#if RK_WATCHES_CALLS  // sanitizers are slower
  EXPECT_LT(fresh - kernels, 200) << "of which the kernels' own " << kernels;
  EXPECT_LT(back, 30);
#endif
}

}  // namespace
}  // namespace rekindle
