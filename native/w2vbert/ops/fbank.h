#pragma once

#include <cstdint>

#include "w2vbert/torch/tensor.h"

namespace w2vbert::ops {

// Log-mel filter bank of clips packed one after another; the formula stands in
// ops/cpu/fbank_kernel.h.
//   samples  [total_samples]               float32, about -1 to 1; float64 for gradient checks, by
//                                          the composite and without rounding to float32 in between
//   offsets  [clips + 1]                   int64; clip i owns samples offsets[i] to
//                                          offsets[i + 1] - 1
//   returns  [total_frames, num_mel_bins]  like samples; of every clip its full frames, that is
//                                          1 + floor((n - 400) / 160) for n samples, none below 400
// All on the CPU. Differentiable in samples: where gradients are enabled the composite runs,
// elsewhere the kernel. Throws std::invalid_argument when a shape, dtype, device or offset does not
// fit, or there is no such filter bank, see cpu::FbankPlan.
Tensor fbank(const Tensor& samples, const Tensor& offsets, int64_t num_mel_bins,
             int64_t sampling_rate);

}  // namespace w2vbert::ops
