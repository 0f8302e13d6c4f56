// Depthwise convolution that sees only the past, on utterances packed one after another: the
// formula of w2vbert/ops/causal_depthwise_conv1d.h, summed over k upwards in float32.
#pragma once

#include "w2vbert/ops/cuda/device.cuh"

namespace w2vbert::cuda {

// All arrays are contiguous; `out` overlaps with nothing.
template <typename T>
struct CausalDepthwiseConv1dParams {
  // [total_time, channels]; if gated [total_time, 2 * channels]: the first half of a row times the
  // sigmoid of the second is what is convolved.
  const T* x;
  const T* weight;         // [channels, 1, kernel]
  T* out;                  // [total_time, channels]
  const int64_t* offsets;  // [utterances + 1], rising from 0 to total_time
  int64_t utterances;
  int64_t total_time;
  int64_t channels;
  int64_t kernel;  // >= 1
};

namespace causal_depthwise_conv1d_kernel {

constexpr int kThreads = 128;  // one channel each: a warp reads 32 neighbours of a row
// What stays in registers: the taps of a channel and as many rows.
constexpr int kWidth = 31;
constexpr int kTimePerBlock =
    4 * kWidth;                     // rows before the block's first are read again: a quarter
constexpr int kTimeOfAnyWidth = 8;  // outputs per thread, which share what a tap reads

template <bool kGated, typename T>
W2VBERT_DEVICE float read(const CausalDepthwiseConv1dParams<T>& p, int64_t row, int64_t channel) {
  if constexpr (kGated) {
    const T* at = p.x + row * 2 * p.channels + channel;
    return to_float(at[0]) / (1.0f + expf(-to_float(at[p.channels])));
  } else {
    return to_float(p.x[row * p.channels + channel]);
  }
}

// The utterance that owns a row: the last one that does not begin after it.
template <typename T>
W2VBERT_DEVICE int64_t owner(const CausalDepthwiseConv1dParams<T>& p, int64_t row) {
  int64_t low = 0;
  int64_t high = p.utterances - 1;
  while (low < high) {
    const int64_t middle = (low + high + 1) / 2;
    if (p.offsets[middle] <= row) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

// Calls each(first, begin, end) for every utterance with rows begin .. end - 1 among those of a
// tile; `first` is where the utterance begins.
template <typename T, typename Each>
W2VBERT_DEVICE void for_each_utterance(const CausalDepthwiseConv1dParams<T>& p, int64_t tile_begin,
                                       int64_t tile_end, const Each& each) {
  for (int64_t row = tile_begin; row < tile_end;) {
    const int64_t utterance = owner(p, row);
    const int64_t next = p.offsets[utterance + 1];
    // Whatever the offsets are, this ends, and no row before the first is read. Rows that are
    // nobody's, behind the last utterance, count as its own.
    const bool wrong = next <= row && utterance + 1 < p.utterances;
    const int64_t end = wrong ? row + 1 : row < next && next < tile_end ? next : tile_end;
    const int64_t first = p.offsets[utterance];
    each(first < 0 ? 0 : first, row, end);
    row = end;
  }
}

// Grid: (time tile, channel tile). The taps stay in registers, and so does a ring of the latest
// kWidth rows, which comes round once per turn of the unrolled loop.
template <bool kGated, typename T>
__global__ void __launch_bounds__(kThreads) register_window(CausalDepthwiseConv1dParams<T> p) {
  const int64_t channel = int64_t{blockIdx.y} * kThreads + threadIdx.x;
  if (channel >= p.channels) return;
  const int64_t tile_begin = int64_t{blockIdx.x} * kTimePerBlock;
  const int64_t tile_end =
      tile_begin + kTimePerBlock < p.total_time ? tile_begin + kTimePerBlock : p.total_time;
  float taps[kWidth];
#pragma unroll
  for (int k = 0; k < kWidth; ++k) taps[k] = to_float(p.weight[channel * kWidth + k]);

  for_each_utterance(p, tile_begin, tile_end, [&](int64_t first, int64_t begin, int64_t end) {
    float window[kWidth];
#pragma unroll
    for (int k = 0; k < kWidth - 1; ++k) {
      const int64_t row = begin - (kWidth - 1) + k;
      window[k] = row >= first ? read<kGated>(p, row, channel) : 0.0f;
    }
    for (int64_t turn = begin; turn < end; turn += kWidth) {
#pragma unroll
      for (int step = 0; step < kWidth; ++step) {
        // Beyond the end a row is read again, so that no load waits for a branch.
        const int64_t row = turn + step;
        window[(step + kWidth - 1) % kWidth] = read<kGated>(p, row < end ? row : end - 1, channel);
        float sum = 0.0f;
#pragma unroll
        for (int k = 0; k < kWidth; ++k) sum += taps[k] * window[(step + k) % kWidth];
        if (row < end) p.out[row * p.channels + channel] = from_float<T>(sum);
      }
    }
  });
}

// Grid: (time tile, channel tile). For kernels of any width: a tap is read once per tile.
template <bool kGated, typename T>
__global__ void __launch_bounds__(kThreads) any_width(CausalDepthwiseConv1dParams<T> p) {
  const int64_t channel = int64_t{blockIdx.y} * kThreads + threadIdx.x;
  if (channel >= p.channels) return;
  const int64_t tile_begin = int64_t{blockIdx.x} * kTimeOfAnyWidth;
  const int64_t tile_end =
      tile_begin + kTimeOfAnyWidth < p.total_time ? tile_begin + kTimeOfAnyWidth : p.total_time;
  for_each_utterance(p, tile_begin, tile_end, [&](int64_t first, int64_t begin, int64_t end) {
    float sums[kTimeOfAnyWidth] = {};
    for (int64_t k = 0; k < p.kernel; ++k) {
      const float tap = to_float(p.weight[channel * p.kernel + k]);
#pragma unroll
      for (int i = 0; i < kTimeOfAnyWidth; ++i) {
        const int64_t row = begin + i - (p.kernel - 1) + k;
        if (begin + i < end && row >= first) sums[i] += tap * read<kGated>(p, row, channel);
      }
    }
#pragma unroll
    for (int i = 0; i < kTimeOfAnyWidth; ++i) {
      if (begin + i < end) p.out[(begin + i) * p.channels + channel] = from_float<T>(sums[i]);
    }
  });
}

}  // namespace causal_depthwise_conv1d_kernel

template <bool kGated, typename T>
void causal_depthwise_conv1d(const CausalDepthwiseConv1dParams<T>& p, Stream stream) {
  using namespace causal_depthwise_conv1d_kernel;
  const bool in_registers = p.kernel == kWidth;
  const int64_t time = in_registers ? kTimePerBlock : kTimeOfAnyWidth;
  const LaunchShape shape{{static_cast<unsigned>((p.total_time + time - 1) / time),
                           static_cast<unsigned>((p.channels + kThreads - 1) / kThreads), 1},
                          kThreads};
  launch("causal_depthwise_conv1d",
         in_registers ? &register_window<kGated, T> : &any_width<kGated, T>, shape, stream, p);
}

}  // namespace w2vbert::cuda
