// CUDA for tests on the CPU: the names of w2vbert/ops/cuda/device.cuh, for the host's compiler. A
// launch runs its blocks one after another; the threads of a block are fibers that take turns where
// they wait for each other. What a GPU leaves undefined throws EmulationError here:
//   - a barrier or collective that not all threads reach, or that they reach at different places
//   - shared memory read before it was written, or outside of its array
//   - two threads that touch the same shared memory, one of them writing, with no barrier between
//   - a vector that is not aligned; a launch that no GPU of compute capability 8.0 takes
// Atomic operations and global memory are those of the CPU: GuardedArray has canaries around it.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>

#include "cuda/emulated_stream.h"
#include "w2vbert/io/half.h"

#define W2VBERT_DEVICE inline
#define W2VBERT_HOST_DEVICE inline
#define __global__ inline
#define __launch_bounds__(...)
#define __restrict__

struct CUstream_st;

namespace w2vbert::cuda {

using Stream = CUstream_st*;

struct Dim3 {
  unsigned x = 1;
  unsigned y = 1;
  unsigned z = 1;
};
using dim3 = Dim3;

struct LaunchShape {
  Dim3 grid;
  int threads;
  size_t shared_bytes = 0;
};

namespace emulated {

struct EmulationError : std::logic_error {
  using std::logic_error::logic_error;
};

// Where a thread calls something collective. All that take part must come from the same place.
struct Place {
  const char* what;
  int line;
};

// In which order threads and blocks have their turns. A result that depends on it is a race.
enum class Order { kForward, kBackward };
void set_order(Order order);

// 10 * major + minor: what compute_capability tells. 90 unless it is set.
void set_compute_capability(int number);

void run(const char* name, const LaunchShape& shape, const std::function<void()>& thread);

void block_barrier(Place place);
void warp_barrier(Place place);

// Every lane hands in up to kSlot bytes. Returns those of lane 0, followed by those of the others
// in slots of kSlot bytes, valid until the warp's next but one exchange.
constexpr size_t kSlot = 32;
const unsigned char* exchange(const void* bytes, size_t count, Place place);

// The shared memory of the block that runs.
size_t shared_size();
enum class Access { kRead, kWrite };
// Checks an access and returns its address.
unsigned char* shared_access(size_t offset, size_t bytes, Access access);
void copy_async(size_t offset, const void* from, bool valid);
void copy_async_commit();
void copy_async_wait(int pending);

[[noreturn]] void fail(const std::string& message);
void require_aligned(const void* address, size_t bytes);

template <typename T>
T from_lane(const unsigned char* slots, int lane) {
  T value;
  std::memcpy(&value, slots + static_cast<size_t>(lane) * kSlot, sizeof value);
  return value;
}

}  // namespace emulated

extern Dim3 threadIdx;
extern Dim3 blockIdx;
extern Dim3 blockDim;
extern Dim3 gridDim;

struct Float16 {
  uint16_t bits;
};
struct BFloat16 {
  uint16_t bits;
};

// Four bits of exponent, three of mantissa; up to 448, no infinity.
struct Float8 {
  uint8_t bits;
};

inline float to_float(float value) { return value; }
inline float to_float(Float16 value) { return half_to_float(value.bits); }
inline float to_float(BFloat16 value) { return bfloat16_to_float(value.bits); }
inline float to_float(Float8 value) {
  const int exponent = value.bits >> 3 & 15;
  const int mantissa = value.bits & 7;
  float size = std::ldexp(static_cast<float>(exponent == 0 ? mantissa : 8 + mantissa),
                          exponent == 0 ? -9 : exponent - 10);
  if (exponent == 15 && mantissa == 7) size = NAN;
  return (value.bits & 0x80) != 0 ? -size : size;
}

template <typename T>
T from_float(float value);
template <>
inline float from_float<float>(float value) {
  return value;
}
template <>
inline Float16 from_float<Float16>(float value) {
  return {float_to_half(value)};
}
template <>
inline BFloat16 from_float<BFloat16>(float value) {
  return {float_to_bfloat16(value)};
}

template <>
inline Float8 from_float<Float8>(float value) {
  const int sign = std::signbit(value) ? 0x80 : 0;
  const float size = std::abs(value);
  if (size != size) return {static_cast<uint8_t>(sign | 0x7F)};
  if (size > 448.0f) return {static_cast<uint8_t>(sign | 0x7E)};
  if (size < 0x1p-6f)
    return {static_cast<uint8_t>(sign | static_cast<int>(std::nearbyint(size * 512)))};
  const int exponent = std::ilogb(size);
  // From 8 to 16, which is 8 of the next exponent.
  const int mantissa = static_cast<int>(std::nearbyint(std::ldexp(size, 3 - exponent)));
  return {static_cast<uint8_t>(sign | ((exponent + 7) * 8 + mantissa - 8))};
}

template <typename T>
uint32_t pack(float low, float high) {
  return uint32_t{from_float<T>(low).bits} | uint32_t{from_float<T>(high).bits} << 16;
}

inline uint32_t to_tf32(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7F800000u) == 0x7F800000u) return bits;  // infinite or NaN
  return (bits + 0x1000u) & ~0x1FFFu;
}

inline float fast_exp2(float x) { return std::exp2(x); }
inline float fast_exp(float x) { return std::exp(x); }
inline float reciprocal_sqrt(float x) { return 1.0f / std::sqrt(x); }

inline void sync_threads(int line = __builtin_LINE()) {
  emulated::block_barrier({"sync_threads", line});
}
inline void sync_warp(int line = __builtin_LINE()) { emulated::warp_barrier({"sync_warp", line}); }

inline int emulated_lane() { return static_cast<int>(threadIdx.x) % 32; }

template <typename T>
T shuffle(T value, int lane, int line = __builtin_LINE()) {
  return emulated::from_lane<T>(emulated::exchange(&value, sizeof value, {"shuffle", line}),
                                lane & 31);
}
template <typename T>
T shuffle_xor(T value, int lanes, int line = __builtin_LINE()) {
  return emulated::from_lane<T>(emulated::exchange(&value, sizeof value, {"shuffle_xor", line}),
                                (emulated_lane() ^ lanes) & 31);
}
template <typename T>
T shuffle_down(T value, int lanes, int line = __builtin_LINE()) {
  const int from = emulated_lane() + lanes;
  return emulated::from_lane<T>(emulated::exchange(&value, sizeof value, {"shuffle_down", line}),
                                from < 32 ? from : emulated_lane());
}
template <typename T>
T shuffle_up(T value, int lanes, int line = __builtin_LINE()) {
  const int from = emulated_lane() - lanes;
  return emulated::from_lane<T>(emulated::exchange(&value, sizeof value, {"shuffle_up", line}),
                                from >= 0 ? from : emulated_lane());
}
inline uint32_t ballot(bool value, int line = __builtin_LINE()) {
  const unsigned char* slots = emulated::exchange(&value, sizeof value, {"ballot", line});
  uint32_t bits = 0;
  for (int lane = 0; lane < 32; ++lane) {
    bits |= uint32_t{emulated::from_lane<bool>(slots, lane)} << lane;
  }
  return bits;
}
inline int count_ones(uint32_t bits) { return __builtin_popcount(bits); }

template <typename T>
T atomic_add(T* address, T value) {
  const T before = *address;
  *address = before + value;
  return before;
}

template <typename T, int count>
struct alignas(sizeof(T) * count) Vector {
  static_assert(sizeof(T) * count <= 16 && (count & (count - 1)) == 0, "");
  T values[count];
  T& operator[](int i) { return values[check(i)]; }
  const T& operator[](int i) const { return values[check(i)]; }

 private:
  static int check(int i) {
    if (i < 0 || i >= count) {
      emulated::fail("element " + std::to_string(i) + " of a vector of " + std::to_string(count));
    }
    return i;
  }
};
template <int count, typename T>
Vector<T, count> load_vector(const T* from) {
  emulated::require_aligned(from, sizeof(T) * count);
  Vector<T, count> vector;
  std::memcpy(&vector, from, sizeof vector);
  return vector;
}
template <typename T, int count>
void store_vector(T* to, const Vector<T, count>& vector) {
  emulated::require_aligned(to, sizeof(T) * count);
  std::memcpy(to, &vector, sizeof vector);
}

template <typename T>
class SharedArray {
  static_assert(sizeof(T) % 2 == 0, "accesses are recorded in units of two bytes");

 public:
  SharedArray(size_t offset, int count) : offset_(offset), count_(count) {}
  T load(int i) const { return load_vector<1>(i)[0]; }
  void store(int i, T value) const { store_vector(i, Vector<T, 1>{{value}}); }
  template <int count>
  Vector<T, count> load_vector(int i) const {
    Vector<T, count> vector;
    std::memcpy(&vector, access(i, count, emulated::Access::kRead), sizeof vector);
    return vector;
  }
  template <int count>
  void store_vector(int i, const Vector<T, count>& vector) const {
    std::memcpy(access(i, count, emulated::Access::kWrite), &vector, sizeof vector);
  }
  SharedArray part(int i, int count) const {
    require_inside(i, count);
    return SharedArray(offset_ + static_cast<size_t>(i) * sizeof(T), count);
  }
  // The offset of `count` elements from i on, which are inside and aligned to their size.
  size_t offset(int i, int count) const {
    require_inside(i, count);
    const size_t offset = offset_ + static_cast<size_t>(i) * sizeof(T);
    if (offset % (sizeof(T) * static_cast<size_t>(count)) != 0) {
      emulated::fail("shared memory: elements " + std::to_string(i) + " and " +
                     std::to_string(count - 1) + " more are not aligned");
    }
    return offset;
  }

 private:
  void require_inside(int i, int count) const {
    if (i < 0 || count < 0 || i > count_ - count) {
      emulated::fail("shared memory: elements from " + std::to_string(i) + " to " +
                     std::to_string(i + count - 1) + " of an array of " + std::to_string(count_));
    }
  }
  unsigned char* access(int i, int count, emulated::Access access) const {
    return emulated::shared_access(offset(i, count), sizeof(T) * static_cast<size_t>(count),
                                   access);
  }

  size_t offset_;
  int count_;
};

class SharedMemory {
 public:
  template <typename T>
  SharedArray<T> take(int count) {
    const SharedArray<T> array(next_, count);
    next_ += (static_cast<size_t>(count) * sizeof(T) + 15) / 16 * 16;
    if (next_ > emulated::shared_size()) {
      emulated::fail("shared memory: " + std::to_string(next_) + " bytes taken of " +
                     std::to_string(emulated::shared_size()));
    }
    return array;
  }

 private:
  size_t next_ = 0;
};

template <typename T>
void copy_async(const SharedArray<T>& to, int i, const T* from, bool valid = true) {
  if (valid) emulated::require_aligned(from, 16);
  emulated::copy_async(to.offset(i, 16 / sizeof(T)), from, valid);
}
inline void copy_async_commit() { emulated::copy_async_commit(); }
template <int pending>
void copy_async_wait() {
  emulated::copy_async_wait(pending);
}

template <bool transposed, typename T>
void load_matrices(uint32_t (&registers)[4], const SharedArray<T>& from, int i,
                   int line = __builtin_LINE()) {
  static_assert(sizeof(T) == 2, "");
  const auto row = from.template load_vector<8>(i);
  const unsigned char* rows = emulated::exchange(&row, sizeof row, {"load_matrices", line});
  for (int matrix = 0; matrix < 4; ++matrix) {
    const auto element = [&](int r, int c) {
      return uint32_t{emulated::from_lane<Vector<T, 8>>(rows, 8 * matrix + r)[c].bits};
    };
    const int g = emulated_lane() / 4;
    const int t = 2 * (emulated_lane() % 4);
    registers[matrix] = transposed ? element(t, g) | element(t + 1, g) << 16
                                   : element(g, t) | element(g, t + 1) << 16;
  }
}

namespace emulated {

struct Operands {
  uint32_t a[4];
  uint32_t b[2];
};

// Products and their sum in float64, rounded once: a GPU's own rounding is not documented.
template <typename ElementA, typename ElementB>
void multiply(float (&d)[4], int depth, const ElementA& a, const ElementB& b) {
  for (int i = 0; i < 4; ++i) {
    const int row = emulated_lane() / 4 + (i < 2 ? 0 : 8);
    const int column = 2 * (emulated_lane() % 4) + i % 2;
    double sum = double{d[i]};
    for (int k = 0; k < depth; ++k) sum += double{a(row, k)} * double{b(k, column)};
    d[i] = static_cast<float>(sum);
  }
}

}  // namespace emulated

template <typename T>
void mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
         int line = __builtin_LINE()) {
  emulated::Operands operands;
  std::memcpy(operands.a, a, sizeof a);
  std::memcpy(operands.b, b, sizeof b);
  const unsigned char* lanes = emulated::exchange(&operands, sizeof operands, {"mma", line});
  const auto half = [](uint32_t both, int k) {
    return to_float(T{static_cast<uint16_t>(k % 2 == 0 ? both : both >> 16)});
  };
  emulated::multiply(
      d, 16,
      [&](int row, int k) {
        const auto from = emulated::from_lane<emulated::Operands>(lanes, row % 8 * 4 + k % 8 / 2);
        return half(from.a[row / 8 + k / 8 * 2], k);
      },
      [&](int k, int column) {
        const auto from = emulated::from_lane<emulated::Operands>(lanes, column * 4 + k % 8 / 2);
        return half(from.b[k / 8], k);
      });
}

inline void mma_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                     int line = __builtin_LINE()) {
  emulated::Operands operands;
  std::memcpy(operands.a, a, sizeof a);
  std::memcpy(operands.b, b, sizeof b);
  const unsigned char* lanes = emulated::exchange(&operands, sizeof operands, {"mma_tf32", line});
  const auto value = [](uint32_t bits) {
    bits &= ~0x1FFFu;  // the tensor cores do not see more
    float result;
    std::memcpy(&result, &bits, sizeof result);
    return result;
  };
  emulated::multiply(
      d, 8,
      [&](int row, int k) {
        const auto from = emulated::from_lane<emulated::Operands>(lanes, row % 8 * 4 + k % 4);
        return value(from.a[row / 8 + k / 4 * 2]);
      },
      [&](int k, int column) {
        const auto from = emulated::from_lane<emulated::Operands>(lanes, column * 4 + k % 4);
        return value(from.b[k / 4]);
      });
}

int compute_capability();

template <typename... Parameters, typename... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), const LaunchShape& shape,
            Stream stream, const Arguments&... arguments) {
  const auto work = [=] { emulated::run(name, shape, [&] { kernel(arguments...); }); };
  if (!emulated::capture(stream, work)) work();
}

}  // namespace w2vbert::cuda
