#pragma once

#include "w2vbert/ops/linear.h"

namespace w2vbert::ops {

// Depthwise convolution that sees only the past, on utterances packed one after another:
//   out[t, c] = sum_k weight[c, 0, k] * x[t - (kernel - 1) + k, c],
// reading 0 before the first row of the utterance that owns row t.
//   x        [total_time, channels]  float32; float64 for gradient checks, by the composite
//   weight   [channels, 1, kernel]   dtype of x; kernel odd
//   offsets  [utterances + 1]        int64; utterance u owns rows offsets[u] .. offsets[u + 1] - 1
//   returns  [total_time, channels]  like x
// All on the CPU. Differentiable in x and weight: where gradients are enabled the composite runs
// (with a tape only on the way back), elsewhere the kernel, whose rows of an utterance do not
// depend on the batch, to the last bit. Throws std::invalid_argument when a shape, dtype, device or
// offset does not fit. Gulati et al. 2020, section 2.2; equals left-padded aten::conv1d with groups
// = channels.
Tensor causal_depthwise_conv1d(const Tensor& x, const Tensor& weight, const Tensor& offsets);

// The same of gated_linear(input, layer). On a CUDA device without gradients, in float16 and
// bfloat16, too.
Tensor gated_causal_depthwise_conv1d(const LinearInput& input, const LinearParameters& layer,
                                     const Tensor& weight, const Tensor& offsets);

}  // namespace w2vbert::ops
