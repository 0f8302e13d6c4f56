#pragma once

#include "w2vbert/torch/tensor.h"

namespace w2vbert::ops {

// x @ weight^T + bias over the last axis.
//   x        [..., in]                float32 for the kernel
//   weight   [out, in] or [out, in, 1]  dtype and device of x
//   bias     [out] or undefined       likewise
//   returns  [..., out]               like x
// Differentiable: where gradients are enabled, and for other dtypes and devices, aten::linear runs;
// elsewhere the kernel, whose rows do not depend on the rows around them nor on the number of
// threads, to the last bit. Throws std::invalid_argument when a shape or dtype does not fit.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);

}  // namespace w2vbert::ops
