// The part of CUDA that kernels of this folder are written in. Every name here has two forms:
// nvcc's, below, and that of tests/cuda/emulated_device.h, with which the same kernels run on the
// CPU, one thread block at a time, with their rules checked. What the names promise in both:
//   - blocks are whole warps (launch), and all threads of a warp or block take part in what is
//     collective: sync_*, shuffle*, ballot, load_matrix*, mma*
//   - shared memory is what SharedMemory hands out. An element that one thread wrote is read by
//     others only after sync_threads, or after sync_warp in the same warp
//   - vectors are aligned to their own size
#pragma once

#include <cstddef>
#include <cstdint>

#ifndef __CUDACC__
#include "cuda/emulated_device.h"
#else

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>

#include <stdexcept>
#include <string>

#define W2VBERT_DEVICE __device__ __forceinline__
#define W2VBERT_HOST_DEVICE __host__ __device__ __forceinline__

namespace w2vbert::cuda {

using Stream = cudaStream_t;
using Float16 = __half;
using BFloat16 = __nv_bfloat16;
using Float8 = __nv_fp8_e4m3;  // 4 bits of exponent, 3 of mantissa; up to 448, no infinity

W2VBERT_DEVICE float to_float(float value) { return value; }
W2VBERT_DEVICE float to_float(Float16 value) { return __half2float(value); }
W2VBERT_DEVICE float to_float(BFloat16 value) { return __bfloat162float(value); }
W2VBERT_DEVICE float to_float(Float8 value) { return static_cast<float>(value); }

// Rounded to nearest, ties to even.
template <typename T>
W2VBERT_DEVICE T from_float(float value);
template <>
W2VBERT_DEVICE float from_float<float>(float value) {
  return value;
}
template <>
W2VBERT_DEVICE Float16 from_float<Float16>(float value) {
  return __float2half_rn(value);
}
template <>
W2VBERT_DEVICE BFloat16 from_float<BFloat16>(float value) {
  return __float2bfloat16_rn(value);
}
// What is larger than 448 becomes 448.
template <>
W2VBERT_DEVICE Float8 from_float<Float8>(float value) {
  return Float8(value);
}

// Two values of sixteen bits in one register, the first in the lower half.
template <typename T>
W2VBERT_DEVICE uint32_t pack(float low, float high);
template <>
W2VBERT_DEVICE uint32_t pack<Float16>(float low, float high) {
  const __half2 both = __floats2half2_rn(low, high);
  return *reinterpret_cast<const uint32_t*>(&both);
}
template <>
W2VBERT_DEVICE uint32_t pack<BFloat16>(float low, float high) {
  const __nv_bfloat162 both = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const uint32_t*>(&both);
}

// For mma_tf32: rounded to ten bits of mantissa, to nearest, ties away from zero.
W2VBERT_DEVICE uint32_t to_tf32(float value) {
  uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
  return bits;
}

// 2^x and e^x, wrong by some units in the last place.
W2VBERT_DEVICE float fast_exp2(float x) {
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}
W2VBERT_DEVICE float fast_exp(float x) { return __expf(x); }
// 1 / sqrt(x), wrong by at most two units in the last place.
W2VBERT_DEVICE float reciprocal_sqrt(float x) { return rsqrtf(x); }

W2VBERT_DEVICE void sync_threads() { __syncthreads(); }
W2VBERT_DEVICE void sync_warp() { __syncwarp(); }

template <typename T>
W2VBERT_DEVICE T shuffle(T value, int lane) {
  return __shfl_sync(0xffffffffu, value, lane);
}
template <typename T>
W2VBERT_DEVICE T shuffle_xor(T value, int lanes) {
  return __shfl_xor_sync(0xffffffffu, value, lanes);
}
// Of the lane `lanes` above; the own value where there is none.
template <typename T>
W2VBERT_DEVICE T shuffle_down(T value, int lanes) {
  return __shfl_down_sync(0xffffffffu, value, lanes);
}
// Of the lane `lanes` below; the own value where there is none.
template <typename T>
W2VBERT_DEVICE T shuffle_up(T value, int lanes) {
  return __shfl_up_sync(0xffffffffu, value, lanes);
}
W2VBERT_DEVICE uint32_t ballot(bool value) { return __ballot_sync(0xffffffffu, value); }
W2VBERT_DEVICE int count_ones(uint32_t bits) { return __popc(bits); }

// To global memory. Returns what was there.
template <typename T>
W2VBERT_DEVICE T atomic_add(T* address, T value) {
  return atomicAdd(address, value);
}

// `count` neighbouring elements that are loaded or stored by one instruction.
template <typename T, int count>
struct alignas(sizeof(T) * count) Vector {
  static_assert(sizeof(T) * count <= 16 && (count & (count - 1)) == 0, "");
  T values[count];
  W2VBERT_DEVICE T& operator[](int i) { return values[i]; }
  W2VBERT_DEVICE const T& operator[](int i) const { return values[i]; }
};
template <int count, typename T>
W2VBERT_DEVICE Vector<T, count> load_vector(const T* from) {
  return *reinterpret_cast<const Vector<T, count>*>(from);
}
template <typename T, int count>
W2VBERT_DEVICE void store_vector(T* to, const Vector<T, count>& vector) {
  *reinterpret_cast<Vector<T, count>*>(to) = vector;
}

// Elements of shared memory. Copies refer to the same ones.
template <typename T>
class SharedArray {
 public:
  W2VBERT_DEVICE explicit SharedArray(T* data) : data_(data) {}
  W2VBERT_DEVICE T load(int i) const { return data_[i]; }
  W2VBERT_DEVICE void store(int i, T value) const { data_[i] = value; }
  template <int count>
  W2VBERT_DEVICE Vector<T, count> load_vector(int i) const {
    return cuda::load_vector<count>(data_ + i);
  }
  template <int count>
  W2VBERT_DEVICE void store_vector(int i, const Vector<T, count>& vector) const {
    cuda::store_vector(data_ + i, vector);
  }
  // The `count` elements from i on.
  W2VBERT_DEVICE SharedArray part(int i, int) const { return SharedArray(data_ + i); }
  W2VBERT_DEVICE uint32_t address(int i) const {
    return static_cast<uint32_t>(__cvta_generic_to_shared(data_ + i));
  }

 private:
  T* data_;
};

// Divides the shared memory of the launch, every array at a multiple of sixteen bytes: shared_bytes
// of each is what the launch must ask for.
class SharedMemory {
 public:
  W2VBERT_DEVICE SharedMemory() {
    extern __shared__ __align__(16) unsigned char w2vbert_shared[];
    next_ = w2vbert_shared;
  }
  template <typename T>
  W2VBERT_DEVICE SharedArray<T> take(int count) {
    T* data = reinterpret_cast<T*>(next_);
    next_ += (count * sizeof(T) + 15) / 16 * 16;
    return SharedArray<T>(data);
  }

 private:
  unsigned char* next_;
};

// Copies sixteen bytes from global to shared memory without waiting, or fills them with zeros if
// not `valid` (`from` is not read then). The thread sees them after copy_async_wait, others after a
// sync_threads that follows it.
template <typename T>
W2VBERT_DEVICE void copy_async(const SharedArray<T>& to, int i, const T* from, bool valid = true) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to.address(i)), "l"(from),
               "r"(valid ? 16 : 0)
               : "memory");
}
// Ends a group of copies.
W2VBERT_DEVICE void copy_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Waits for all groups of this thread but the `pending` latest.
template <int pending>
W2VBERT_DEVICE void copy_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}

// Four matrices of 8 x 8 elements of sixteen bits. Lane 8 m + r says where row r of matrix m
// begins, and gets of each matrix, in registers[m], two neighbours of row lane / 4: columns 2 *
// (lane % 4) and the next. `transposed`: two neighbours of column lane / 4.
template <bool transposed, typename T>
W2VBERT_DEVICE void load_matrices(uint32_t (&registers)[4], const SharedArray<T>& from, int i) {
  static_assert(sizeof(T) == 2, "");
  if constexpr (transposed) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
                 : "r"(from.address(i))
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
                 : "r"(from.address(i))
                 : "memory");
  }
}

// d [16, 8] += a [16, 16] b [16, 8], in float32. With g = lane / 4, t = 2 * (lane % 4), a lane has
//   d[0], d[1]  row g, columns t and t + 1; d[2], d[3] the same of row g + 8
//   a[0]        row g, columns t and t + 1; a[1] of row g + 8; a[2], a[3] the same 8 columns on
//   b[0]        rows t and t + 1 of column g; b[1] 8 rows on
template <typename T>
W2VBERT_DEVICE void mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);
template <>
W2VBERT_DEVICE void mma<Float16>(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
template <>
W2VBERT_DEVICE void mma<BFloat16>(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// d [16, 8] += a [16, 8] b [8, 8] with operands of to_tf32. d as above; with g = lane / 4,
// t = lane % 4, a lane has a[0] = a(g, t), a[1] = a(g + 8, t), a[2] = a(g, t + 4),
// a[3] = a(g + 8, t + 4), b[0] = b(t, g), b[1] = b(t + 4, g).
W2VBERT_DEVICE void mma_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

struct LaunchShape {
  dim3 grid;
  int threads;
  size_t shared_bytes = 0;
};

inline void check(cudaError_t error, const char* what) {
  if (error != cudaSuccess) {
    throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(error));
  }
}

// Of the current device: 10 * major + minor.
inline int compute_capability() {
  int device = 0;
  int major = 0;
  int minor = 0;
  check(cudaGetDevice(&device), "cudaGetDevice");
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device),
        "cudaDeviceGetAttribute");
  check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device),
        "cudaDeviceGetAttribute");
  return 10 * major + minor;
}

// Starts a kernel on a stream of the current device; an empty grid does nothing.
template <typename... Parameters, typename... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), const LaunchShape& shape,
            Stream stream, const Arguments&... arguments) {
  if (shape.grid.x == 0 || shape.grid.y == 0 || shape.grid.z == 0) return;
  constexpr size_t kWithoutAsking = 48 * 1024;
  if (shape.shared_bytes > kWithoutAsking) {
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(shape.shared_bytes)),
          name);
  }
  cudaLaunchConfig_t config = {};
  config.gridDim = shape.grid;
  config.blockDim = dim3(shape.threads);
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = stream;
  check(cudaLaunchKernelEx(&config, kernel, arguments...), name);
}

}  // namespace w2vbert::cuda

#endif

namespace w2vbert::cuda {

constexpr int kWarp = 32;

// What SharedMemory::take<T>(count) uses.
template <typename T>
W2VBERT_HOST_DEVICE constexpr size_t shared_bytes(int64_t count) {
  return (static_cast<size_t>(count) * sizeof(T) + 15) / 16 * 16;
}

W2VBERT_DEVICE int lane() { return static_cast<int>(threadIdx.x) % kWarp; }
W2VBERT_DEVICE int warp() { return static_cast<int>(threadIdx.x) / kWarp; }

// Over the lanes of a warp; all of them get the same bits.
W2VBERT_DEVICE float warp_sum(float value) {
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2) value += shuffle_xor(value, lanes);
  return value;
}
W2VBERT_DEVICE float warp_max(float value) {
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2) {
    const float other = shuffle_xor(value, lanes);
    value = value < other ? other : value;
  }
  return value;
}

}  // namespace w2vbert::cuda
