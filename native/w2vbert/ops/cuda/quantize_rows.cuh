// Rows as eight-bit floats with a scale each, so that the largest of a row becomes the largest that
// there is: out[r, c] = x[r, c] / scales[r], rounded to nearest; scales[r] = max |x[r]| / 448, or 1
// where that is zero.
#pragma once

#include "w2vbert/ops/cuda/device.cuh"

namespace w2vbert::cuda {

// All arrays are contiguous.
template <typename T>
struct QuantizeRowsParams {
  const T* x;     // [rows, size]
  Float8* out;    // [rows, size]
  float* scales;  // [rows]
  int64_t rows;
  int64_t size;
};

namespace quantize_rows_kernel {

constexpr int kThreads = 128;
constexpr int kWarps = kThreads / kWarp;
constexpr float kLargest = 448.0f;

// Grid: rows. A row is read twice, the second time from the cache.
template <int kWidth, typename T>
__global__ void __launch_bounds__(kThreads) quantize(QuantizeRowsParams<T> p) {
  SharedMemory memory;
  const SharedArray<float> largest_of_warps = memory.take<float>(kWarps);
  const int64_t row = blockIdx.x;
  const int64_t first = int64_t{threadIdx.x} * kWidth;
  const T* const x = p.x + row * p.size;
  float largest = 0.0f;
  for (int64_t c = first; c < p.size; c += kThreads * kWidth) {
    const Vector<T, kWidth> values = load_vector<kWidth>(x + c);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) largest = fmaxf(largest, fabsf(to_float(values[i])));
  }
  largest = warp_max(largest);
  if (lane() == 0) largest_of_warps.store(warp(), largest);
  sync_threads();
  for (int i = 0; i < kWarps; ++i) largest = fmaxf(largest, largest_of_warps.load(i));
  float scale = largest / kLargest;
  if (scale == 0.0f) scale = 1.0f;
  if (threadIdx.x == 0) p.scales[row] = scale;
  for (int64_t c = first; c < p.size; c += kThreads * kWidth) {
    const Vector<T, kWidth> values = load_vector<kWidth>(x + c);
    Vector<Float8, kWidth> out;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) out[i] = from_float<Float8>(to_float(values[i]) / scale);
    store_vector(p.out + row * p.size + c, out);
  }
}

template <int kWidth, typename T>
void run(const QuantizeRowsParams<T>& p, Stream stream) {
  launch("quantize_rows", &quantize<kWidth, T>,
         {{static_cast<unsigned>(p.rows), 1, 1}, kThreads, shared_bytes<float>(kWarps)}, stream, p);
}

}  // namespace quantize_rows_kernel

template <typename T>
void quantize_rows(const QuantizeRowsParams<T>& p, Stream stream) {
  constexpr int kWide = 16 / sizeof(T);
  const auto aligned = [](const void* address, size_t bytes) {
    return reinterpret_cast<uintptr_t>(address) % bytes == 0;
  };
  if (p.size % kWide == 0 && aligned(p.x, 16) && aligned(p.out, kWide)) {
    quantize_rows_kernel::run<kWide>(p, stream);
  } else {
    quantize_rows_kernel::run<1>(p, stream);
  }
}

}  // namespace w2vbert::cuda
