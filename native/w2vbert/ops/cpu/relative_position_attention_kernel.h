// Softmax attention with relative positions, on utterances packed one after another:
//   score[i, j] = (q_i . k_j + position[i, j]) / sqrt(head_dim)
//   out_i = sum_j softmax_j(score[i, j]) v_j
// for each head and each pair i, j of one utterance, where position[i, j] is
//   kNone         0
//   kRelativeKey  q_i . E[clamp(j - i, -left, right) + left]          (Shaw et al. 2018, eq. 4)
//   kRelative     u . k_j + (q_i + v) . P[table - 1 - (i - j)]  (Dai et al. 2019, section 3.3)
// Keys that the mask excludes have weight 0 and are never read; an utterance without any valid key
// gets the mean of all its values. Memory is linear in time: scores exist for one block of queries
// and keys at a time, and the softmax is carried on from block to block.
//
// The result for an utterance depends neither on the others nor on how the items are split.
#pragma once

#include <cstdint>

#include "w2vbert/ops/cpu/cpu_features.h"

namespace w2vbert::cpu {

enum class AttentionPosition { kNone, kRelativeKey, kRelative };

// Strides count elements from one row to the next; head h owns the columns from h * head_dim.
struct RelativePositionAttentionParams {
  const float* query;  // [total_time, heads * head_dim], as are key and value
  const float* key;
  const float* value;
  int64_t query_stride;
  int64_t key_stride;
  int64_t value_stride;
  const int64_t* offsets;  // [utterances + 1] row numbers, not falling; utterance u owns rows
                           // offsets[u] .. offsets[u + 1] - 1, perhaps none
  int64_t utterances;
  const bool* key_mask;  // [total_time], true where a key counts; null if all do
  int64_t heads;
  int64_t head_dim;

  AttentionPosition position;
  // kRelativeKey
  const float* distance_embedding;  // [left + right + 1, head_dim], contiguous
  int64_t left;
  int64_t right;
  // kRelative
  const float* position_projection;  // [2 * table - 1, heads * head_dim], contiguous
  int64_t table;                     // at least the longest utterance
  const float* bias_u;               // [heads, head_dim], contiguous
  const float* bias_v;               // [heads, head_dim], contiguous

  float* output;   // [total_time, heads * head_dim], contiguous
  float* weights;  // one [heads, time, time] after another for every utterance; null if not wanted
};

// Work items are independent. An item is a block of queries of one head of one utterance. The keys
// of a few heads are packed together, so that neighbouring items had better go to the same call.
int64_t relative_position_attention_items(const RelativePositionAttentionParams& params);

// Floats of scratch memory that one call of a kernel below needs; their content does not matter.
int64_t relative_position_attention_scratch(const RelativePositionAttentionParams& params);

// Writes `output` and `weights` for the items begin .. end - 1.
void relative_position_attention(SimdLevel level, const RelativePositionAttentionParams& params,
                                 int64_t begin, int64_t end, float* scratch);
void relative_position_attention_portable(const RelativePositionAttentionParams& params,
                                          int64_t begin, int64_t end, float* scratch);
void relative_position_attention_avx2(const RelativePositionAttentionParams& params, int64_t begin,
                                      int64_t end, float* scratch);
void relative_position_attention_avx512(const RelativePositionAttentionParams& params,
                                        int64_t begin, int64_t end, float* scratch);

}  // namespace w2vbert::cpu
