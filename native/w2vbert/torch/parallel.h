// Threads: a pool of this library's own for its kernels, and how many LibTorch's operators use.
//
// One pool serves the process. Its threads are started when they are first needed, never more than
// are wanted at once; they are called "w2vbert-1" and so on, hold nothing of whoever started them
// and do not keep the process from ending. Between two loops that follow each other closely they
// spin, some microseconds later they sleep. A system that refuses to start a thread gets the work
// done with fewer. A child of fork() must not use this library.
#pragma once

#include <cstdint>

namespace w2vbert {

namespace parallel {
using Part = void (*)(const void* body, int64_t begin, int64_t end);
void run(int64_t count, int64_t grain, Part part, const void* body);
}  // namespace parallel

// Runs body(begin, end) on disjoint parts of [0, count), at least `grain` items each (the last may
// be smaller), on the calling thread and on threads of the pool that have nothing else to do, at
// most thread_count() in all. Parts are handed out one by one to whoever is free, so that a thread
// that is held up does not hold up the others. When a part throws, parts that have not begun are
// dropped, and the first exception is rethrown. A loop within a part runs on the thread of that
// part. `body` must not call LibTorch, whose settings are those of the calling thread.
template <typename Body>
void parallel_for(int64_t count, int64_t grain, const Body& body) {
  const auto part = [](const void* context, int64_t begin, int64_t end) {
    (*static_cast<const Body*>(context))(begin, end);
  };
  parallel::run(count, grain, part, &body);
}

// The most threads that parallel_for uses for this thread, itself included: what set_thread_count
// or a ComputeScope said, else as many as LibTorch's operators.
int thread_count();

// Sets that number for the calling thread; the pool may become as large. Throws
// std::invalid_argument unless it is 1 to kMostThreads.
void set_thread_count(int threads);
constexpr int kMostThreads = 1024;

// Sets how many threads may compute at once in the process, callers included; at first the number
// of processors. Loops of several callers share them: one that comes late gets what is left, at
// least its own thread. Throws like set_thread_count.
void set_pool_size(int threads);

// The number of threads that LibTorch's operators use on the calling thread (OpenMP's setting).
int libtorch_thread_count();
void set_libtorch_thread_count(int threads);

// The number of threads of the OpenBLAS that LibTorch's matrix products use, for the whole process:
// it has threads of its own beside OpenMP's. Does nothing if LibTorch has another BLAS.
void set_blas_thread_count(int threads);

// A call of the library on the calling thread. Until it ends, parallel_for uses up to `threads`
// threads; LibTorch's operators use as many where gradients are enabled and one where they are not,
// since there all that takes time is in our kernels. Afterwards everything is as before. `threads`
// is 1 to kMostThreads.
class ComputeScope {
 public:
  explicit ComputeScope(int threads);
  ~ComputeScope();
  ComputeScope(const ComputeScope&) = delete;
  ComputeScope& operator=(const ComputeScope&) = delete;

 private:
  int threads_before_;
  int libtorch_threads_before_;
};

}  // namespace w2vbert
