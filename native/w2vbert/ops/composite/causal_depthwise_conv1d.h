#pragma once

#include "w2vbert/torch/tensor.h"

namespace w2vbert::ops::composite {

// ops::causal_depthwise_conv1d as differentiable ATen calls, for any floating dtype. The arguments
// are those of the op, checked, or on a CUDA device; `offsets` is contiguous and on the CPU.
Tensor causal_depthwise_conv1d(const Tensor& x, const Tensor& weight, const Tensor& offsets);

}  // namespace w2vbert::ops::composite
