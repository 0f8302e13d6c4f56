// Attention for any head size, and with the weights if they are wanted: a warp per query, nothing
// in shared memory. A first pass over the keys, one per lane, finds the greatest score and the sum;
// a second one per kChunk dimensions computes the scores again and sums the values.
#pragma once

#include <cmath>

#include "w2vbert/ops/cuda/relative_position_attention_params.cuh"

namespace w2vbert::cuda {
namespace relative_position_attention_kernel::any {

constexpr int kWarps = 4;
constexpr int kPerLane = 8;
constexpr int kChunk = kPerLane * kWarp;

// One query and one key of a head.
template <typename T>
struct Query {
  const RelativePositionAttentionParams<T>& p;
  const AttentionBlock& block;
  int i;
  int64_t column;
  const T* q;

  W2VBERT_DEVICE float score(int j) const {
    const T* k = head_row(p.key, block.first_row + j, p.key_stride, column);
    float sum = 0.0f;
    if (p.position == AttentionPosition::kNone) {
      for (int64_t d = 0; d < p.head_dim; ++d) sum = fmaf(to_float(q[d]), to_float(k[d]), sum);
    } else if (p.position == AttentionPosition::kRelativeKey) {
      const T* row = position_row<AttentionPosition::kRelativeKey>(p, block.head, int64_t{j} - i);
      for (int64_t d = 0; d < p.head_dim; ++d) {
        sum = fmaf(to_float(q[d]), to_float(k[d]), sum);
        sum = fmaf(to_float(q[d]), to_float(row[d]), sum);
      }
    } else {
      const T* row = position_row<AttentionPosition::kRelative>(p, block.head, int64_t{j} - i);
      const T* u = p.bias_u + column;
      const T* v = p.bias_v + column;
      for (int64_t d = 0; d < p.head_dim; ++d) {
        sum = fmaf(to_float(q[d]) + to_float(u[d]), to_float(k[d]), sum);
        sum = fmaf(to_float(q[d]) + to_float(v[d]), to_float(row[d]), sum);
      }
    }
    return sum;
  }
};

// Where the weights of this query begin.
template <typename T>
W2VBERT_DEVICE T* weight_row(const RelativePositionAttentionParams<T>& p,
                             const AttentionBlock& block, int i) {
  int64_t squares = 0;
  for (int64_t u = 0; u < block.utterance; ++u) {
    const int64_t time = p.offsets[u + 1] - p.offsets[u];
    squares += time * time;
  }
  const int64_t time = block.time;
  return p.weights + p.heads * squares + (block.head * time + i) * time;
}

// Grid: see attention_block.
template <typename T>
__global__ __launch_bounds__(kWarps* kWarp) void attend(RelativePositionAttentionParams<T> p,
                                                        float scale_log2) {
  const AttentionBlock block = attention_block<kWarps>(p);
  const int i = block.query0 + warp();
  if (block.time == 0) return;
  T* weights = p.weights == nullptr || i >= block.time ? nullptr : weight_row<T>(p, block, i);
  if (!has_valid_key(p, block)) {
    average_values<T>(p, block, kWarps);
    if (weights == nullptr) return;
    for (int j = lane(); j < block.time; j += kWarp) {
      weights[j] = from_float<T>(1.0f / static_cast<float>(block.time));
    }
    return;
  }
  if (i >= block.time) return;
  const int64_t column = block.head * p.head_dim;
  const Query<T> query{p, block, i, column,
                       head_row(p.query, block.first_row + i, p.query_stride, column)};

  float top = kMinusInfinity;  // times scale_log2
  float sum = 0.0f;
  for (int j0 = 0; j0 < block.time; j0 += kWarp) {
    if ((valid_keys<kWarp>(p, block, j0) >> lane() & 1) == 0) continue;
    const float score = query.score(j0 + lane()) * scale_log2;
    const float before = top;
    top = fmaxf(top, score);
    const float base = top == kMinusInfinity ? 0.0f : top;
    sum = sum * fast_exp2(before - base) + fast_exp2(score - base);
  }
  const float own = top;
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2) top = fmaxf(top, shuffle_xor(top, lanes));
  const float base = top == kMinusInfinity ? 0.0f : top;
  const float inverse = 1.0f / warp_sum(sum * fast_exp2(own - base));

  for (int64_t chunk = 0; chunk < p.head_dim; chunk += kChunk) {
    float out[kPerLane] = {};
    for (int j0 = 0; j0 < block.time; j0 += kWarp) {
      const auto valid = static_cast<uint32_t>(valid_keys<kWarp>(p, block, j0));
      const int j = j0 + lane();
      float weight = 0.0f;
      if ((valid >> lane() & 1) != 0) {
        weight = fast_exp2(query.score(j) * scale_log2 - base) * inverse;
      }
      if (weights != nullptr && chunk == 0 && j < block.time) weights[j] = from_float<T>(weight);
      for (int k = 0; k < kWarp; ++k) {
        const float factor = shuffle(weight, k);
        if ((valid >> k & 1) == 0) continue;
        const T* value = head_row(p.value, block.first_row + j0 + k, p.value_stride, column);
#pragma unroll
        for (int n = 0; n < kPerLane; ++n) {
          const int64_t d = chunk + n * kWarp + lane();
          if (d < p.head_dim) out[n] = fmaf(factor, to_float(value[d]), out[n]);
        }
      }
    }
    T* to = p.output + (block.first_row + i) * p.heads * p.head_dim + column;
#pragma unroll
    for (int n = 0; n < kPerLane; ++n) {
      const int64_t d = chunk + n * kWarp + lane();
      if (d < p.head_dim) to[d] = from_float<T>(out[n]);
    }
  }
}

template <typename T>
void launch_attend(const RelativePositionAttentionParams<T>& p, Stream stream) {
  const auto scale = static_cast<float>(kLog2E / std::sqrt(static_cast<double>(p.head_dim)));
  launch("relative_position_attention", attend<T>,
         LaunchShape{attention_grid(p, kWarps), kWarps * kWarp}, stream, p, scale);
}

}  // namespace relative_position_attention_kernel::any
}  // namespace w2vbert::cuda
