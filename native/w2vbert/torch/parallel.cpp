#include "w2vbert/torch/parallel.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "w2vbert/torch/c_abi.h"
#include "w2vbert/torch/tensor.h"

namespace w2vbert {
namespace {

// Loops of one forward pass are a few microseconds apart; waking a sleeping thread takes about 50.
constexpr std::chrono::microseconds kSpin{50};

// Enough for threads to end at nearly the same time.
constexpr int64_t kPartsPerThread = 16;

// What the calling thread may use, and what it is doing.
struct ThreadState {
  int threads = 0;       // 0: as many as LibTorch
  int scopes = 0;        // ComputeScopes that are open
  bool in_loop = false;  // runs a part
};
thread_local ThreadState this_thread;

// One parallel_for; lives on its caller's stack.
class Loop {
 public:
  Loop(int64_t count, int64_t size, parallel::Part part, const void* body)
      : count_(count), size_(size), part_(part), body_(body) {}

  // Runs parts until there are none left.
  void work() {
    const bool before = std::exchange(this_thread.in_loop, true);
    try {
      while (true) {
        const int64_t begin = next_.fetch_add(size_, std::memory_order_relaxed);
        if (begin >= count_) break;
        part_(body_, begin, std::min(count_, begin + size_));
      }
    } catch (...) {
      next_.store(count_, std::memory_order_relaxed);
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
    this_thread.in_loop = before;
  }

  // After all threads have left.
  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  const int64_t count_;
  const int64_t size_;  // of a part
  const parallel::Part part_;
  const void* const body_;
  std::atomic<int64_t> next_{0};
  std::mutex mutex_;
  std::exception_ptr failure_;
};

// A thread of the pool, reserved for one caller at a time. Never freed: its thread ends with the
// process.
class Worker {
 public:
  Worker* next = nullptr;  // in the list that it is in

  // Starts the thread; throws std::system_error.
  explicit Worker(int number) {
    // Signals of the process are for the program's threads; faults of its own a thread must take.
    sigset_t blocked, before;
    sigfillset(&blocked);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP}) sigdelset(&blocked, fault);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    try {
      std::thread thread([this] { serve(); });
      pthread_setname_np(thread.native_handle(), ("w2vbert-" + std::to_string(number)).c_str());
      thread.detach();
    } catch (...) {
      pthread_sigmask(SIG_SETMASK, &before, nullptr);
      throw;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  void post(Loop& loop) { set(&loop); }

  // Returns once the worker has left the loop; if it has not begun, it will not.
  void finish(Loop& loop) {
    void* expected = &loop;
    if (loop_.compare_exchange_strong(expected, nullptr)) return;
    await([this] { return loop_.load() == nullptr; });
  }

 private:
  [[noreturn]] void serve() {
    // Where the process may run: whoever started this thread may have bound itself to one
    // processor.
    cpu_set_t processors;
    if (sched_getaffinity(getpid(), sizeof(processors), &processors) == 0) {
      sched_setaffinity(0, sizeof(processors), &processors);
    }
    while (true) {
      await([this] { return loop_.load() != nullptr; });
      void* posted = loop_.load();
      if (posted == nullptr || !loop_.compare_exchange_strong(posted, this)) continue;  // withdrawn
      static_cast<Loop*>(posted)->work();
      set(nullptr);
    }
  }

  void set(Loop* loop) {
    loop_.store(loop);
    // All of these operations are sequentially consistent: either this sees the sleeper, or the
    // sleeper sees the store.
    if (sleepers_.load() == 0) return;
    { const std::lock_guard<std::mutex> lock(mutex_); }
    changed_.notify_all();
  }

  template <typename Ready>
  void await(const Ready& ready) {
    const auto end = std::chrono::steady_clock::now() + kSpin;
    do {
      for (int i = 0; i < 16; ++i) {
        if (ready()) return;
        __builtin_ia32_pause();
      }
    } while (std::chrono::steady_clock::now() < end);
    std::unique_lock<std::mutex> lock(mutex_);
    sleepers_.fetch_add(1);
    changed_.wait(lock, ready);
    sleepers_.fetch_sub(1);
  }

  // The loop to work on, the worker itself while it works on one, or null.
  std::atomic<void*> loop_{nullptr};
  std::atomic<int> sleepers_{0};  // the worker or its caller
  std::mutex mutex_;
  std::condition_variable changed_;
};

class Pool {
 public:
  // Never destroyed: sleeping threads may outlive static objects.
  static Pool& instance() {
    static Pool* const pool = new Pool;
    return *pool;
  }

  void set_size(int size) {
    const std::lock_guard<std::mutex> lock(mutex_);
    size_ = size;
  }

  void grow_to(int size) {
    const std::lock_guard<std::mutex> lock(mutex_);
    size_ = std::max(size_, size);
  }

  // The calling thread computes, whether there is room or not.
  void enter() {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++running_;
  }

  void leave() {
    const std::lock_guard<std::mutex> lock(mutex_);
    --running_;
  }

  // Up to `wanted` workers, as a list.
  Worker* take(int wanted) {
    const std::lock_guard<std::mutex> lock(mutex_);
    Worker* taken = nullptr;
    for (; wanted > 0 && running_ < size_; --wanted) {
      if (idle_ == nullptr && !start()) break;
      Worker* const worker = std::exchange(idle_, idle_->next);
      worker->next = std::exchange(taken, worker);
      ++running_;
    }
    return taken;
  }

  void give_back(Worker* list) {
    const std::lock_guard<std::mutex> lock(mutex_);
    while (list != nullptr) {
      Worker* const worker = std::exchange(list, list->next);
      worker->next = std::exchange(idle_, worker);
      --running_;
    }
  }

 private:
  // Puts a new worker into idle_. Once the system has refused, there will be no more.
  bool start() {
    if (refused_) return false;
    try {
      idle_ = new Worker(started_ + 1);
      ++started_;
      return true;
    } catch (const std::exception&) {
      refused_ = true;
      return false;
    }
  }

  std::mutex mutex_;
  Worker* idle_ = nullptr;  // last in, first out: it may still spin
  int size_ = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  int running_ = 0;  // callers and workers
  int started_ = 0;
  bool refused_ = false;
};

void check_threads(int threads) {
  if (threads >= 1 && threads <= kMostThreads) return;
  throw std::invalid_argument("threads is " + std::to_string(threads) + "; expected 1 to " +
                              std::to_string(kMostThreads));
}

// A function of a library that LibTorch brought along, or nullptr. Looked up from LibTorch, whose
// builds name their OpenMP and BLAS libraries differently.
void (*find_setter(const char* name))(int) {
  void* handle = dlopen("libtorch_cpu.so", RTLD_LAZY | RTLD_NOLOAD);
  if (handle == nullptr) return nullptr;
  void* symbol = dlsym(handle, name);
  dlclose(handle);
  return reinterpret_cast<void (*)(int)>(symbol);
}

// For the calling thread. Unchecked: it may be what the environment asked for, however large.
void set_openmp_threads(int threads) {
  static const auto set = find_setter("omp_set_num_threads");
  if (set != nullptr) set(threads);
}

}  // namespace

namespace parallel {

void run(int64_t count, int64_t grain, Part part, const void* body) {
  if (count <= 0) return;
  const int64_t most = count / std::max<int64_t>(1, grain);
  const int64_t threads =
      most < 2 || this_thread.in_loop ? 1 : std::min<int64_t>(most, thread_count());
  Pool& pool = Pool::instance();
  const bool caller_counts = this_thread.scopes > 0;
  Worker* workers = nullptr;
  if (threads > 1) {
    if (!caller_counts) pool.enter();
    workers = pool.take(static_cast<int>(threads) - 1);
    if (workers == nullptr && !caller_counts) pool.leave();
  }
  if (workers == nullptr) return part(body, 0, count);

  const int64_t parts = std::min(most, threads * kPartsPerThread);
  Loop loop(count, (count + parts - 1) / parts, part, body);
  for (Worker* worker = workers; worker != nullptr; worker = worker->next) worker->post(loop);
  loop.work();
  for (Worker* worker = workers; worker != nullptr; worker = worker->next) worker->finish(loop);
  pool.give_back(workers);
  if (!caller_counts) pool.leave();
  loop.rethrow();
}

}  // namespace parallel

int thread_count() {
  return this_thread.threads > 0 ? this_thread.threads : libtorch_thread_count();
}

void set_thread_count(int threads) {
  check_threads(threads);
  Pool::instance().grow_to(threads);
  this_thread.threads = threads;
}

void set_pool_size(int threads) {
  check_threads(threads);
  Pool::instance().set_size(threads);
}

int libtorch_thread_count() {
  uint32_t threads = 0;
  if (torch_get_num_threads(&threads) != 0) {
    throw std::runtime_error("LibTorch could not tell its number of threads");
  }
  return static_cast<int>(threads);
}

void set_libtorch_thread_count(int threads) {
  check_threads(threads);
  libtorch_thread_count();  // on its first use in a thread LibTorch sets its own default, which
                            // ours must follow
  set_openmp_threads(threads);
}

void set_blas_thread_count(int threads) {
  check_threads(threads);
  const auto set = find_setter("openblas_set_num_threads");
  if (set != nullptr) set(threads);
}

ComputeScope::ComputeScope(int threads)
    : threads_before_(this_thread.threads), libtorch_threads_before_(libtorch_thread_count()) {
  set_libtorch_thread_count(GradMode::enabled() ? threads : 1);
  this_thread.threads = threads;
  if (this_thread.scopes++ == 0) Pool::instance().enter();
}

ComputeScope::~ComputeScope() {
  if (--this_thread.scopes == 0) Pool::instance().leave();
  this_thread.threads = threads_before_;
  set_openmp_threads(libtorch_threads_before_);
}

}  // namespace w2vbert
