#pragma once

#include "w2vbert/torch/tensor.h"

namespace w2vbert::ops {

// What the scores know of the distance between query i and key j. Without any tensor: nothing.
// `relative_key` (Shaw et al. 2018, eq. 4) adds q_i . distance_embedding[clamp(j - i, -left, right)
// + left]; `relative` (Transformer-XL, Dai et al. 2019, section 3.3) adds bias_u . k_j + (q_i +
// bias_v) . position_projection[table - 1 - (i - j)].
struct RelativePositions {
  Tensor distance_embedding;  // [left + right + 1, head_dim]
  int64_t left = 0;

  Tensor position_projection;  // [2 * table - 1, heads * head_dim], table >= longest utterance
  Tensor bias_u;               // [heads, head_dim]
  Tensor bias_v;               // [heads, head_dim]
};

struct AttentionOutput {
  Tensor output;   // [total_time, heads * head_dim], like query
  Tensor weights;  // one [heads, time, time] per utterance, flat, one after the other; undefined
                   // unless asked for
};

// Softmax attention inside each of the utterances packed one after another, for every head:
//   out_i = sum_j softmax_j((q_i . k_j + position[i, j]) / sqrt(head_dim)) v_j
//   query, key, value  [total_time, heads * head_dim]  float32; float64 by the composite
//   offsets            [utterances + 1]  int64; utterance u owns the rows from offsets[u] on
//   key_mask           [total_time]      bool: whether a row counts as key; undefined: all do
//   positions          dtype of query; one of the two kinds or none
//   weight_factors     dtype of query, float32 for half types; laid out like the weights, which are
//                      multiplied by them after the softmax (dropout); undefined: they are not
// Excluded keys have weight 0; an utterance without any valid key weighs all its keys alike. All
// tensors are on the CPU, or all on a CUDA device: there float16 and bfloat16 are welcome, too, and
// so are offsets on the device, but for the weights; `longest` says then that no utterance is
// longer (0: it is not known). With gradients or factors there, offsets and key_mask are on the
// CPU, and no weights are returned. On the CPU, where gradients are enabled or factors given, the
// composite runs, whose memory grows with the square of time (with a tape on the way back only, and
// without Autocast for one utterance at a time unless positions are `relative`), elsewhere the kernel, whose memory
// grows with time only (but for the weights) and whose rows of an utterance do not depend on the
// batch, to the last bit. Under Autocast (torch/autocast.h) tensors of its type are welcome on the
// CPU, too, with positions of float32, but for the weights. Throws std::invalid_argument when a
// shape, dtype, device or offset does not fit.
AttentionOutput relative_position_attention(const Tensor& query, const Tensor& key,
                                            const Tensor& value, const Tensor& offsets,
                                            int64_t heads, const Tensor& key_mask,
                                            const RelativePositions& positions, bool return_weights,
                                            const Tensor& weight_factors = Tensor(),
                                            int64_t longest = 0);

// Rotary position embedding, for attention without other positions:
//   out[t, h, i]        = x[t, h, i] cos(a) - x[t, h, i + half] sin(a)
//   out[t, h, i + half] = x[t, h, i + half] cos(a) + x[t, h, i] sin(a)
// for i < half = head_dim / 2, with a = (t - start of the utterance) / base^(2 i / head_dim).
//   x        [total_time, heads * head_dim]  float32; float64 by the composite
//   offsets  as above
//   returns  like x
// The frequencies and, for float32, the angles are rounded to float32, as in the reference.
// Differentiable. On a CUDA device in float16 and bfloat16, too; with gradients, offsets are on the
// CPU. Throws std::invalid_argument when a shape, dtype, device, offset or base does not fit. Su et
// al. 2021, section 3.4.
Tensor rotary_embedding(const Tensor& x, const Tensor& offsets, int64_t heads, double base);

}  // namespace w2vbert::ops
