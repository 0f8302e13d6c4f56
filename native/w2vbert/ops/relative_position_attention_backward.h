#pragma once

#include "w2vbert/ops/relative_position_attention.h"

namespace w2vbert::ops {

// What relative_position_attention makes of the gradient of its output.
struct AttentionGradients {
  Tensor query;  // like query
  Tensor key;
  Tensor value;
  Tensor distance_embedding;  // undefined where there is none
};

// Computes the weights again, of one utterance after the other, so that memory for them is needed
// once for the longest. float32 without `relative` positions; every utterance has a valid key. The
// arguments are those of the op, checked; `offsets` is contiguous. Not differentiable.
AttentionGradients relative_position_attention_backward(const Tensor& gradient, const Tensor& query,
                                                        const Tensor& key, const Tensor& value,
                                                        const Tensor& offsets, int64_t heads,
                                                        const Tensor& key_mask,
                                                        const RelativePositions& positions,
                                                        const Tensor& weight_factors);

}  // namespace w2vbert::ops
