#pragma once

#include "w2vbert/ops/cpu/fbank_plan.h"
#include "w2vbert/torch/tensor.h"

namespace w2vbert::ops::composite {

// ops::fbank as differentiable ATen calls. The arguments are those of the op, checked; `offsets` is
// contiguous. The rounding of the spectrum to float32 counts as the identity in the gradient.
Tensor fbank(const Tensor& samples, const Tensor& offsets, const cpu::FbankPlan& plan);

}  // namespace w2vbert::ops::composite
