// Over the first rows of each utterance, of utterances packed one after another: the mean of every
// column, and its standard deviation with n - 1 in the denominator (NaN of one row), in float32.
#pragma once

#include "w2vbert/ops/cuda/device.cuh"

namespace w2vbert::cuda {

// All arrays are contiguous.
template <typename T>
struct PoolRowsParams {
  const T* x;  // [rows, size]
  int64_t rows;
  int64_t size;
  const int64_t* offsets;  // [utterances + 1]
  const int64_t* counts;   // [utterances] rows of each that count, at most all; or nullptr: all
  int64_t utterances;
  bool deviations;
  T* out;  // [utterances, size], or with `deviations` [utterances, 2 * size]: means, deviations
};

namespace pool_rows_kernel {

constexpr int kWarps = 8;  // share the rows; lanes have one column each
constexpr int kThreads = kWarps * kWarp;

// Over the warps of a block, of one lane: all get the same bits. `partial` is free afterwards.
W2VBERT_DEVICE float sum_of_warps(float value, const SharedArray<float>& partial) {
  partial.store(static_cast<int>(threadIdx.x), value);
  sync_threads();
  float sum = 0.0f;
  for (int i = 0; i < kWarps; ++i) sum += partial.load(i * kWarp + lane());
  sync_threads();
  return sum;
}

// Grid: (utterance, tile of columns).
template <typename T>
__global__ void __launch_bounds__(kThreads) pool(PoolRowsParams<T> p) {
  SharedMemory memory;
  const SharedArray<float> partial = memory.take<float>(kThreads);
  const int64_t utterance = blockIdx.x;
  const int64_t column = int64_t{blockIdx.y} * kWarp + lane();
  const bool inside = column < p.size;
  const int64_t begin = p.offsets[utterance] > 0 ? p.offsets[utterance] : 0;
  int64_t end = p.offsets[utterance + 1];
  if (p.counts != nullptr && begin + p.counts[utterance] < end) end = begin + p.counts[utterance];
  if (end > p.rows) end = p.rows;
  const float count = begin < end ? static_cast<float>(end - begin) : 0.0f;

  float total = 0.0f;
  for (int64_t row = begin + warp(); inside && row < end; row += kWarps) {
    total += to_float(p.x[row * p.size + column]);
  }
  const float mean = sum_of_warps(total, partial) / count;
  const int64_t width = p.deviations ? 2 * p.size : p.size;
  T* const out = p.out + utterance * width + column;
  if (inside && warp() == 0) out[0] = from_float<T>(mean);
  if (!p.deviations) return;

  // Squares of deviations: those of the values would cancel.
  total = 0.0f;
  for (int64_t row = begin + warp(); inside && row < end; row += kWarps) {
    const float deviation = to_float(p.x[row * p.size + column]) - mean;
    total += deviation * deviation;
  }
  const float variance = sum_of_warps(total, partial) / (count - 1.0f);
  if (inside && warp() == 0) out[p.size] = from_float<T>(sqrtf(variance));
}

}  // namespace pool_rows_kernel

template <typename T>
void pool_rows(const PoolRowsParams<T>& p, Stream stream) {
  using namespace pool_rows_kernel;
  const auto tiles = static_cast<unsigned>((p.size + kWarp - 1) / kWarp);
  launch("pool_rows", &pool<T>,
         {{static_cast<unsigned>(p.utterances), tiles, 1}, kThreads, shared_bytes<float>(kThreads)},
         stream, p);
}

}  // namespace w2vbert::cuda
