// Depthwise convolution that sees only the past, on utterances packed one after another:
//   out[t, c] = sum_k weight[c, 0, k] * x[t - (kernel - 1) + k, c],
// reading 0 before the first row of the utterance that owns row t. The sum runs over k upwards in
// float32, whatever the batch around the utterance and however the items are split.
#pragma once

#include <cstdint>

#include "w2vbert/ops/cpu/cpu_features.h"

namespace w2vbert::cpu {

// All arrays are contiguous; `x` and `out` do not overlap. T is the storage type.
template <typename T>
struct CausalDepthwiseConv1dParams {
  const T* x;              // [total_time, channels]
  const T* weight;         // [channels, 1, kernel]
  T* out;                  // [total_time, channels]
  const int64_t* offsets;  // [utterances + 1], from 0 up to total_time; utterance u owns rows
                           // offsets[u] .. offsets[u + 1] - 1, perhaps none
  int64_t utterances;
  int64_t channels;
  int64_t kernel;  // >= 1
};

// Channels per work item: four whole cache lines of every row, for long reads and writes.
constexpr int64_t kCausalDepthwiseConv1dTile = 64;

// Work items are independent. Item i is utterance i % utterances in channel tile i / utterances:
// neighbours share a tile and so its weights.
int64_t causal_depthwise_conv1d_items(const CausalDepthwiseConv1dParams<float>& params);

// Floats of scratch memory that one call of a kernel below needs; their content does not matter.
int64_t causal_depthwise_conv1d_scratch(int64_t kernel);

// Writes `out` for the items begin .. end - 1.
void causal_depthwise_conv1d(SimdLevel level, CausalDepthwiseConv1dParams<float> params,
                             int64_t begin, int64_t end, float* scratch);
void causal_depthwise_conv1d_portable(CausalDepthwiseConv1dParams<float> params, int64_t begin,
                                      int64_t end, float* scratch);
void causal_depthwise_conv1d_avx2(CausalDepthwiseConv1dParams<float> params, int64_t begin,
                                  int64_t end, float* scratch);

}  // namespace w2vbert::cpu
