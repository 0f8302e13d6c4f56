// Rotary position embedding on utterances packed one after another; see
// ops/relative_position_attention.h. Written once: nearly all of its time goes into sines and
// cosines, which all heads of a row share.
#pragma once

#include <cstdint>

namespace w2vbert::cpu {

struct RotaryEmbeddingParams {
  const float* x;  // [total_time, heads * head_dim], x_stride elements from row to row
  int64_t x_stride;
  float* out;              // [total_time, heads * head_dim], contiguous
  const int64_t* offsets;  // [utterances + 1], from 0 up to total_time
  int64_t utterances;
  int64_t heads;
  int64_t head_dim;          // even
  const float* frequencies;  // [head_dim / 2] angle per row
};

// Writes the rows begin .. end - 1, independent work items, of `out`. `scratch` holds head_dim
// floats; their content does not matter.
void rotary_embedding(const RotaryEmbeddingParams& params, int64_t begin, int64_t end,
                      float* scratch);

}  // namespace w2vbert::cpu
