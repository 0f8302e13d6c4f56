#pragma once

#include <vector>

#include "w2vbert/ops/relative_position_attention.h"

namespace w2vbert::ops::composite {

// The ops of the same names as differentiable ATen calls; in half types sums of scores, softmax and
// weights are float32. The arguments are those of the ops, checked, or on a CUDA device; `offsets`
// is contiguous, and it and `key_mask` are on the CPU.
AttentionOutput relative_position_attention(const Tensor& query, const Tensor& key,
                                            const Tensor& value, const Tensor& offsets,
                                            int64_t heads, const Tensor& key_mask,
                                            const RelativePositions& positions, bool return_weights,
                                            const Tensor& weight_factors);
// `frequencies` [head_dim / 2]: angle per row.
Tensor rotary_embedding(const Tensor& x, const Tensor& offsets, int64_t heads,
                        const std::vector<float>& frequencies);

}  // namespace w2vbert::ops::composite
