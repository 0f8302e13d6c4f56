// The filter bank over many clips, on all threads.
#pragma once

#include <cstdint>
#include <vector>

#include "w2vbert/ops/cpu/fbank_plan.h"

namespace w2vbert::ops {

// Consecutive frames of one clip.
struct FbankStretch {
  const float* samples;  // the first frame begins here
  int64_t frames;
  float* out;  // [frames, num_mel_bins]
};

// Fills `out` of every stretch.
void fbank_stretches(const cpu::FbankPlan& plan, const std::vector<FbankStretch>& stretches);

}  // namespace w2vbert::ops
