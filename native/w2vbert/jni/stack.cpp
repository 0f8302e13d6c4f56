// The stack of a thread belongs to the caller, who chose its size and how deep it is in calls.

#include <pthread.h>

#include <cstdint>

#include "w2vbert/jni/bindings.h"

namespace w2vbert {
namespace jni {
namespace {

struct Bounds {
  uintptr_t begin = 0;
  uintptr_t end = 0;
};

Bounds find_bounds() {
  Bounds bounds;
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return bounds;
  void* begin = nullptr;
  size_t size = 0, guard = 0;
  if (pthread_attr_getstack(&attributes, &begin, &size) == 0 &&
      pthread_attr_getguardsize(&attributes, &guard) == 0) {
    bounds.begin = reinterpret_cast<uintptr_t>(begin) + guard;
    bounds.end = reinterpret_cast<uintptr_t>(begin) + size;
  }
  pthread_attr_destroy(&attributes);
  return bounds;
}

}  // namespace

int64_t stack_left() {
  thread_local const Bounds bounds = find_bounds();
  const auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  if (here < bounds.begin || here >= bounds.end) return INT64_MAX;  // not the thread's own stack
  return static_cast<int64_t>(here - bounds.begin);
}

}  // namespace jni
}  // namespace w2vbert
