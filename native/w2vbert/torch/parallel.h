// Threads: LibTorch's intra-op pool, shared by ATen's operators and by our kernels.
#pragma once

#include <cstdint>
#include <functional>

namespace w2vbert {

// Runs body(begin, end) on disjoint parts of [0, count), at least `grain` items each where there
// are as many, on the calling thread and the intra-op pool. The first exception of a part is
// rethrown.
void parallel_for(int64_t count, int64_t grain,
                  const std::function<void(int64_t begin, int64_t end)>& body);

// The number of threads that parallel_for uses on this thread.
int thread_count();

// Sets that number for the calling thread (OpenMP's setting is per thread), and OpenBLAS's number
// for the process. Throws std::invalid_argument unless it is positive and sensible for this
// machine.
void set_thread_count(int threads);

}  // namespace w2vbert
