#include "w2vbert/torch/parallel.h"

#include <dlfcn.h>

#include <algorithm>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

#include "w2vbert/torch/c_abi.h"

namespace w2vbert {
namespace {

struct Call {
  const std::function<void(int64_t, int64_t)>* body;
  std::mutex mutex;
  std::exception_ptr failure;
};

// An exception must not leave a thread of the pool: it is carried to the caller.
void run_part(int64_t begin, int64_t end, void* context) {
  Call& call = *static_cast<Call*>(context);
  try {
    (*call.body)(begin, end);
  } catch (...) {
    const std::lock_guard<std::mutex> lock(call.mutex);
    if (!call.failure) call.failure = std::current_exception();
  }
}

// A function of one of the libraries that LibTorch brought along, or nullptr. Looked up from
// LibTorch, whose builds name their OpenMP and BLAS libraries differently.
void (*find_setter(const char* name))(int) {
  void* handle = dlopen("libtorch_cpu.so", RTLD_LAZY | RTLD_NOLOAD);
  if (handle == nullptr) return nullptr;
  void* symbol = dlsym(handle, name);
  dlclose(handle);
  return reinterpret_cast<void (*)(int)>(symbol);
}

}  // namespace

void parallel_for(int64_t count, int64_t grain,
                  const std::function<void(int64_t begin, int64_t end)>& body) {
  if (count <= 0) return;
  Call call{&body, {}, nullptr};
  const AOTITorchError error = torch_parallel_for(0, count, grain, run_part, &call);
  if (call.failure) std::rethrow_exception(call.failure);
  if (error != 0) throw std::runtime_error("LibTorch could not run a parallel loop");
}

int thread_count() {
  uint32_t threads = 0;
  if (torch_get_num_threads(&threads) != 0) {
    throw std::runtime_error("LibTorch could not tell its number of threads");
  }
  return static_cast<int>(threads);
}

void set_thread_count(int threads) {
  // OpenMP ends the process if the system refuses it a thread, so absurd numbers must not reach it.
  const int most = std::max(64, 4 * static_cast<int>(std::thread::hardware_concurrency()));
  if (threads < 1 || threads > most) {
    throw std::invalid_argument("threads is " + std::to_string(threads) + "; expected 1 to " +
                                std::to_string(most) + " on this machine");
  }
  thread_count();  // on its first use in a thread LibTorch sets its own default, which ours must
                   // follow
  if (const auto set_openmp = find_setter("omp_set_num_threads")) set_openmp(threads);
  if (const auto set_openblas = find_setter("openblas_set_num_threads")) set_openblas(threads);
  if (thread_count() != threads) {
    throw std::runtime_error("LibTorch uses " + std::to_string(thread_count()) +
                             " threads and did not let this library choose " +
                             std::to_string(threads));
  }
}

}  // namespace w2vbert
