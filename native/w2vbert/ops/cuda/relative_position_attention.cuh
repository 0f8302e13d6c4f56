// Softmax attention with relative positions, on utterances packed one after another. The formula
// stands in ops/cpu/relative_position_attention_kernel.h; all that differs is the rounding.
//   float16, bfloat16  products of the tensor cores with float32 sums; the weights and, with
//                      kRelative, q + u and q + v are rounded to the type before they are factors
//   float32            everything in float32, no TF32
// No result depends on the other utterances of a call, to the last bit. Memory is that of the
// arguments: neither scores nor position terms leave the multiprocessor.
#pragma once

#include <algorithm>

#include "w2vbert/ops/cuda/relative_position_attention_any.cuh"
#include "w2vbert/ops/cuda/relative_position_attention_float32.cuh"
#include "w2vbert/ops/cuda/relative_position_attention_half.cuh"

namespace w2vbert::cuda {
namespace relative_position_attention_kernel {

// The tiled kernels read rows in pieces of 16 bytes.
template <typename T>
bool has_tiled_kernel(const RelativePositionAttentionParams<T>& p) {
  if (p.weights != nullptr) return false;
  if (p.head_dim != 32 && p.head_dim != 64 && p.head_dim != 128) return false;
  constexpr int64_t kPiece = 16 / sizeof(T);
  const int64_t strides[] = {p.query_stride, p.key_stride, p.value_stride};
  const bool shaw = p.position == AttentionPosition::kRelativeKey;
  const bool relative = p.position == AttentionPosition::kRelative;
  const T* const rows[] = {p.query,
                           p.key,
                           p.value,
                           p.output,
                           shaw ? p.distance_embedding : nullptr,
                           relative ? p.position_projection : nullptr,
                           relative ? p.bias_u : nullptr,
                           relative ? p.bias_v : nullptr};
  return std::all_of(std::begin(strides), std::end(strides),
                     [](int64_t stride) { return stride % kPiece == 0; }) &&
         std::all_of(std::begin(rows), std::end(rows),
                     [](const T* row) { return reinterpret_cast<uintptr_t>(row) % 16 == 0; });
}

}  // namespace relative_position_attention_kernel

// Writes `output` and `weights`. Head sizes of 32, 64 and 128 whose rows begin at multiples of 16
// bytes have tiled kernels; all others, and calls for `weights`, take the general one.
template <typename T>
void relative_position_attention(const RelativePositionAttentionParams<T>& params, Stream stream) {
  using namespace relative_position_attention_kernel;
  constexpr int64_t kMostUtterances = 65535;  // of a grid
  RelativePositionAttentionParams<T> p = params;
  for (int64_t left = params.utterances; left > 0; left -= kMostUtterances) {
    p.offsets = params.offsets + (params.utterances - left);
    p.utterances = std::min(left, kMostUtterances);
    if (!has_tiled_kernel(p)) {
      any::launch_attend(p, stream);
    } else if constexpr (sizeof(T) == sizeof(float)) {
      float32::launch_attend(p, stream);
    } else {
      half::launch_attend(p, stream);
    }
  }
}

}  // namespace w2vbert::cuda
