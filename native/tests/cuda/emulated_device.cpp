// longjmp between the stacks of fibers is what the fortified one takes for an error.
#undef _FORTIFY_SOURCE
#include "cuda/emulated_device.h"

#include <setjmp.h>
#include <ucontext.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

#include <algorithm>
#include <array>
#include <deque>
#include <exception>
#include <memory>
#include <vector>

namespace w2vbert::cuda {

Dim3 threadIdx;
Dim3 blockIdx;
Dim3 blockDim;
Dim3 gridDim;

namespace emulated {
namespace {

constexpr int kLanes = 32;
constexpr size_t kStack = size_t{256} * 1024;
constexpr size_t kUnit = 2;  // bytes of shared memory whose accesses are recorded together

enum class State { kReady, kAtBlockBarrier, kInWarp, kEnded };

struct AsyncCopy {
  size_t offset;
  std::array<unsigned char, 16> bytes;
};

struct Fiber {
  std::unique_ptr<unsigned char[]> stack{new unsigned char[kStack]};
  ucontext_t start;
  jmp_buf context;
  bool started = false;
  State state = State::kReady;
  Place place{};
  std::deque<std::vector<AsyncCopy>> copies;  // groups, the last of which is not ended
};

struct Warp {
  int arrived = 0;
  Place place{};
  uint32_t barriers = 0;
  uint32_t exchanges = 0;
  alignas(16) unsigned char slots[2][kLanes * kSlot];
};

// Who touched a unit of shared memory last, and between which barriers.
constexpr int kNobody = -1;
constexpr int kSeveralLanes = -2;
constexpr int kSeveralWarps = -3;
struct Touch {
  int thread = kNobody;  // or one of the above
  int warp = kNobody;
  uint32_t block_barriers = 0;
  uint32_t warp_barriers = 0;
};
struct Unit {
  Touch written;
  Touch read;
  bool copying = false;
};

// The block that runs. There is one at a time in the process.
struct Block {
  const char* kernel = "";
  const std::function<void()>* thread = nullptr;
  std::vector<std::unique_ptr<Fiber>> fibers;  // kept for the next block
  std::vector<Warp> warps;
  int threads = 0;
  int current = 0;
  int arrived = 0;
  Place place{};
  uint32_t barriers = 0;
  std::vector<unsigned char> shared;
  std::vector<Unit> units;
  ucontext_t scheduler_start;
  jmp_buf scheduler;
  bool in_fiber = false;
  std::string failure;
  Order order = Order::kForward;
};
Block block;
int capability = 90;

Fiber& fiber() { return *block.fibers[static_cast<size_t>(block.current)]; }
Warp& current_warp() { return block.warps[static_cast<size_t>(block.current / kLanes)]; }

// Gives the turn back to the scheduler, until it is this fiber's again. Not inlined, as resume:
// what a function that calls setjmp keeps in registers is lost.
[[gnu::noinline]] void yield() {
#ifdef __SANITIZE_ADDRESS__
  swapcontext(&fiber().start, &block.scheduler_start);
#else
  if (_setjmp(fiber().context) == 0) _longjmp(block.scheduler, 1);
#endif
}

[[noreturn]] void end_fiber() {
  fiber().state = State::kEnded;
  yield();
  std::terminate();  // nobody resumes it
}

void fiber_main() {
  (*block.thread)();
  end_fiber();
}

[[gnu::noinline]] void resume(int thread) {
  block.current = thread;
  threadIdx.x = static_cast<unsigned>(thread);
  Fiber& next = fiber();
  block.in_fiber = true;
#ifdef __SANITIZE_ADDRESS__
  swapcontext(&block.scheduler_start, &next.start);
#else
  if (_setjmp(block.scheduler) == 0) {
    if (next.started) _longjmp(next.context, 1);
    next.started = true;
    setcontext(&next.start);
  }
#endif
  block.in_fiber = false;
}

std::string describe(const Place& place) {
  return std::string(place.what) + " in line " + std::to_string(place.line);
}

std::string describe(int thread) {
  const Fiber& of = *block.fibers[static_cast<size_t>(thread)];
  return "thread " + std::to_string(thread) +
         (of.state == State::kEnded ? " has ended" : " waits at " + describe(of.place));
}

// Nobody can go on: names a thread that waits and one that does something else.
[[noreturn]] void fail_divergent() {
  int waiting = 0;
  while (block.fibers[static_cast<size_t>(waiting)]->state == State::kEnded) ++waiting;
  const Fiber& first = *block.fibers[static_cast<size_t>(waiting)];
  int other = 0;
  while (other < block.threads) {
    const Fiber& of = *block.fibers[static_cast<size_t>(other)];
    if (of.state != first.state || of.place.line != first.place.line) break;
    ++other;
  }
  fail(describe(waiting) + ", " +
       (other < block.threads ? describe(other) : std::string("others never come")));
}

void require_same_place(const Place& first, const Place& mine) {
  if (first.line != mine.line || std::strcmp(first.what, mine.what) != 0) {
    fail("threads meet at different places: " + describe(first) + ", " + describe(mine));
  }
}

// Waits for the other lanes; the last one to come lets all go on.
void meet_warp(Place place) {
  Warp& warp = current_warp();
  if (warp.arrived == 0) warp.place = place;
  require_same_place(warp.place, place);
  fiber().place = place;
  if (++warp.arrived < kLanes) {
    fiber().state = State::kInWarp;
    yield();
    return;
  }
  warp.arrived = 0;
  const int first = block.current / kLanes * kLanes;
  for (int i = first; i < first + kLanes; ++i) {
    block.fibers[static_cast<size_t>(i)]->state = State::kReady;
  }
}

// At the beginning of the block's work.
void prepare(Fiber& next) {
  next.state = State::kReady;
  next.started = false;
  next.copies.assign(1, {});
#ifdef __SANITIZE_ADDRESS__
  // A refused block left its frames behind.
  __asan_unpoison_memory_region(next.stack.get(), kStack);
#endif
  getcontext(&next.start);
  next.start.uc_stack.ss_sp = next.stack.get();
  next.start.uc_stack.ss_size = kStack;
  next.start.uc_link = nullptr;
  makecontext(&next.start, fiber_main, 0);
}

void run_block() {
  block.arrived = 0;
  block.barriers = 0;
  block.failure.clear();
  for (Warp& warp : block.warps) warp = Warp{};
  std::fill(block.shared.begin(), block.shared.end(), static_cast<unsigned char>(0xFF));
  std::fill(block.units.begin(), block.units.end(), Unit{});
  for (int i = 0; i < block.threads; ++i) prepare(*block.fibers[static_cast<size_t>(i)]);
  for (bool ended = false; !ended;) {
    bool progress = false;
    ended = true;
    for (int turn = 0; turn < block.threads; ++turn) {
      const int thread = block.order == Order::kForward ? turn : block.threads - 1 - turn;
      if (block.fibers[static_cast<size_t>(thread)]->state == State::kReady) {
        progress = true;
        resume(thread);
        if (!block.failure.empty()) throw EmulationError(block.failure);
      }
      ended = ended && block.fibers[static_cast<size_t>(thread)]->state == State::kEnded;
    }
    if (!ended && !progress) fail_divergent();
  }
}

void check_shape(const LaunchShape& shape) {
  constexpr size_t kMostShared = size_t{163} * 1024;
  if (shape.threads < kLanes || shape.threads > 1024 || shape.threads % kLanes != 0) {
    fail("a block of " + std::to_string(shape.threads) +
         " threads; expected a multiple of 32 up to 1024");
  }
  if (shape.grid.x > 0x7FFFFFFFu || shape.grid.y > 65535 || shape.grid.z > 65535) {
    fail("a grid of " + std::to_string(shape.grid.x) + " x " + std::to_string(shape.grid.y) +
         " x " + std::to_string(shape.grid.z));
  }
  if (shape.shared_bytes > kMostShared) {
    fail(std::to_string(shape.shared_bytes) + " bytes of shared memory; a block has at most " +
         std::to_string(kMostShared));
  }
}

// Whether `touch` and an access of the current thread have a barrier between them.
bool ordered(const Touch& touch) {
  if (touch.thread == kNobody || touch.thread == block.current) return true;
  if (touch.block_barriers != block.barriers) return true;
  return touch.thread != kSeveralWarps && touch.warp == block.current / kLanes &&
         touch.warp_barriers != current_warp().barriers;
}

Touch own_touch() {
  return {block.current, block.current / kLanes, block.barriers, current_warp().barriers};
}

void add_reader(Touch& read) {
  const Touch mine = own_touch();
  if (read.thread == kNobody || read.block_barriers != mine.block_barriers) {
    read = mine;
  } else if (read.thread == kSeveralWarps || read.warp != mine.warp) {
    read.thread = kSeveralWarps;
  } else if (read.warp_barriers != mine.warp_barriers) {
    read = mine;
  } else if (read.thread != mine.thread) {
    read.thread = kSeveralLanes;
  }
}

[[noreturn]] void fail_race(size_t offset, Access access, const Touch& touch, const char* before) {
  const std::string who =
      touch.thread >= 0 ? "thread " + std::to_string(touch.thread) : std::string("several threads");
  fail("shared memory at byte " + std::to_string(offset) + ": thread " +
       std::to_string(block.current) + (access == Access::kRead ? " reads" : " writes") + " what " +
       who + before + ", with no barrier between");
}

}  // namespace

void set_order(Order order) { block.order = order; }

void set_compute_capability(int number) { capability = number; }

void run(const char* name, const LaunchShape& shape, const std::function<void()>& thread) {
  block.kernel = name;
  check_shape(shape);
  block.thread = &thread;
  block.threads = shape.threads;
  while (block.fibers.size() < static_cast<size_t>(shape.threads)) {
    block.fibers.push_back(std::make_unique<Fiber>());
  }
  block.warps.resize(static_cast<size_t>(shape.threads / kLanes));
  block.shared.resize(shape.shared_bytes);
  block.units.resize((shape.shared_bytes + kUnit - 1) / kUnit);
  gridDim = shape.grid;
  blockDim = {static_cast<unsigned>(shape.threads), 1, 1};
  threadIdx = {0, 0, 0};
  const uint64_t blocks = uint64_t{shape.grid.x} * shape.grid.y * shape.grid.z;
  for (uint64_t i = 0; i < blocks; ++i) {
    const uint64_t index = block.order == Order::kForward ? i : blocks - 1 - i;
    blockIdx = {static_cast<unsigned>(index % shape.grid.x),
                static_cast<unsigned>(index / shape.grid.x % shape.grid.y),
                static_cast<unsigned>(index / shape.grid.x / shape.grid.y)};
    run_block();
  }
}

void block_barrier(Place place) {
  if (block.arrived == 0) block.place = place;
  require_same_place(block.place, place);
  fiber().place = place;
  if (++block.arrived < block.threads) {
    fiber().state = State::kAtBlockBarrier;
    yield();
    return;
  }
  block.arrived = 0;
  ++block.barriers;
  for (int i = 0; i < block.threads; ++i) {
    block.fibers[static_cast<size_t>(i)]->state = State::kReady;
  }
}

void warp_barrier(Place place) {
  const uint32_t before = current_warp().barriers;
  meet_warp(place);
  current_warp().barriers = before + 1;  // by each lane, to the same number
}

const unsigned char* exchange(const void* bytes, size_t count, Place place) {
  if (count > kSlot) fail(describe(place) + ": " + std::to_string(count) + " bytes from each lane");
  Warp& warp = current_warp();
  if (warp.arrived == 0) ++warp.exchanges;
  unsigned char* slots = warp.slots[warp.exchanges % 2];
  std::memcpy(slots + static_cast<size_t>(block.current % kLanes) * kSlot, bytes, count);
  meet_warp(place);
  return slots;
}

size_t shared_size() { return block.shared.size(); }

unsigned char* shared_access(size_t offset, size_t bytes, Access access) {
  for (size_t i = offset / kUnit; i < (offset + bytes) / kUnit; ++i) {
    Unit& unit = block.units[i];
    if (!ordered(unit.written)) {
      fail_race(i * kUnit, access, unit.written, " wrote");
    }
    if (access == Access::kRead) {
      if (unit.written.thread == kNobody) {
        fail("shared memory at byte " + std::to_string(i * kUnit) +
             " is read before it is written");
      }
      if (unit.copying) {
        fail("shared memory at byte " + std::to_string(i * kUnit) +
             " is read while it is being copied to");
      }
      add_reader(unit.read);
    } else {
      if (!ordered(unit.read)) fail_race(i * kUnit, access, unit.read, " read");
      unit.written = own_touch();
      unit.read = Touch{};
    }
  }
  return block.shared.data() + offset;
}

void copy_async(size_t offset, const void* from, bool valid) {
  AsyncCopy copy{offset, {}};
  if (valid) std::memcpy(copy.bytes.data(), from, copy.bytes.size());
  shared_access(offset, copy.bytes.size(), Access::kWrite);
  for (size_t i = 0; i < copy.bytes.size() / kUnit; ++i) {
    block.units[offset / kUnit + i].copying = true;
  }
  fiber().copies.back().push_back(copy);
}

void copy_async_commit() { fiber().copies.emplace_back(); }

void copy_async_wait(int pending) {
  auto& groups = fiber().copies;
  while (groups.size() > static_cast<size_t>(pending) + 1) {
    for (const AsyncCopy& copy : groups.front()) {
      for (size_t i = 0; i < copy.bytes.size() / kUnit; ++i) {
        block.units[copy.offset / kUnit + i].copying = false;
      }
      std::memcpy(shared_access(copy.offset, copy.bytes.size(), Access::kWrite), copy.bytes.data(),
                  copy.bytes.size());
    }
    groups.pop_front();
  }
}

void fail(const std::string& message) {
  const std::string whole = std::string(block.kernel) + ", block " + std::to_string(blockIdx.x) +
                            " " + std::to_string(blockIdx.y) + " " + std::to_string(blockIdx.z) +
                            ": " + message;
  if (!block.in_fiber) throw EmulationError(whole);
  block.failure = whole;
  end_fiber();
}

void require_aligned(const void* address, size_t bytes) {
  if (reinterpret_cast<uintptr_t>(address) % bytes != 0) {
    fail("global memory: a vector of " + std::to_string(bytes) + " bytes is not aligned");
  }
}

}  // namespace emulated

int compute_capability() { return emulated::capability; }

}  // namespace w2vbert::cuda
