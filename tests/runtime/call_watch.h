// Counts what this thread takes from the allocator and how often it locks. This file defines malloc and its
// kin, so exactly one file of a test program includes it. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <dlfcn.h>
#include <pthread.h>

#include <cstddef>

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
[[maybe_unused]] void note_call() {
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

namespace rekindle::test {

/// While one lives, calls are counted.
class Watch {
 public:
  Watch() { watched_calls = 0, is_watching = true; }
  ~Watch() { is_watching = false; }
  int calls() const { return watched_calls; }
};

}  // namespace rekindle::test
