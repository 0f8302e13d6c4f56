// Rotary position embedding on utterances packed one after another: the formula of
// w2vbert/ops/relative_position_attention.h, with frequencies and angles in float32.
#pragma once

#include <cmath>

#include "w2vbert/ops/cuda/device.cuh"

namespace w2vbert::cuda {

template <typename T>
struct RotaryEmbeddingParams {
  const T* x;  // [total_time, heads * head_dim], x_stride elements from row to row
  int64_t x_stride;
  T* out;                  // [total_time, heads * head_dim], contiguous
  const int64_t* offsets;  // [utterances + 1], rising from 0 to total_time
  int64_t utterances;
  int64_t total_time;
  int64_t heads;
  int64_t head_dim;  // even
  double base;
};

namespace rotary_embedding_kernel {

constexpr int kThreads = 128;
constexpr int kPairs = 512;  // of a head whose angles are kept at a time; all heads share them

// Grid: rows.
template <typename T>
__global__ void __launch_bounds__(kThreads) rotate(RotaryEmbeddingParams<T> p) {
  SharedMemory shared;
  const SharedArray<float> cosines = shared.take<float>(kPairs);
  const SharedArray<float> sines = shared.take<float>(kPairs);
  const int64_t row = blockIdx.x;
  int64_t utterance = 0;  // the last one that does not begin after the row
  for (int64_t high = p.utterances - 1; utterance < high;) {
    const int64_t middle = (utterance + high + 1) / 2;
    if (p.offsets[middle] <= row) {
      utterance = middle;
    } else {
      high = middle - 1;
    }
  }
  const auto position = static_cast<float>(row - p.offsets[utterance]);
  const int64_t half = p.head_dim / 2;
  for (int64_t first = 0; first < half; first += kPairs) {
    const int pairs = static_cast<int>(half - first < kPairs ? half - first : kPairs);
    if (first > 0) sync_threads();
    for (int i = static_cast<int>(threadIdx.x); i < pairs; i += kThreads) {
      const float exponent = static_cast<float>(2 * (first + i)) / static_cast<float>(p.head_dim);
      const float frequency = 1.0f / static_cast<float>(pow(p.base, static_cast<double>(exponent)));
      const float angle = position * frequency;
      cosines.store(i, cosf(angle));
      sines.store(i, sinf(angle));
    }
    sync_threads();
    for (int64_t n = threadIdx.x; n < p.heads * pairs; n += kThreads) {
      const int i = static_cast<int>(n % pairs);
      const int64_t column = n / pairs * p.head_dim + first + i;
      const T* x = p.x + row * p.x_stride + column;
      T* out = p.out + row * p.heads * p.head_dim + column;
      const float low = to_float(x[0]);
      const float high = to_float(x[half]);
      out[0] = from_float<T>(low * cosines.load(i) - high * sines.load(i));
      out[half] = from_float<T>(high * cosines.load(i) + low * sines.load(i));
    }
  }
}

}  // namespace rotary_embedding_kernel

template <typename T>
void rotary_embedding(const RotaryEmbeddingParams<T>& p, Stream stream) {
  using namespace rotary_embedding_kernel;
  const LaunchShape shape{
      {static_cast<unsigned>(p.total_time), 1, 1}, kThreads, 2 * shared_bytes<float>(kPairs)};
  launch("rotary_embedding", rotary_embedding_kernel::rotate<T>, shape, stream, p);
}

}  // namespace w2vbert::cuda
