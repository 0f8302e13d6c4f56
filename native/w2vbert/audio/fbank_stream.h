// Log-mel frames of a clip that arrives piece by piece.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "w2vbert/ops/cpu/fbank_plan.h"

namespace w2vbert {

// A frame comes out as soon as its 400 samples are in and is, bit for bit, that of the whole clip
// before normalisation (which needs the whole clip). Between calls less than one frame of samples
// is held. One thread at a time.
class FbankStream {
 public:
  // Throws std::invalid_argument if there is no such filter bank, see FbankPlan.
  explicit FbankStream(int64_t num_mel_bins = 80, int64_t sampling_rate_hz = 16000,
                       cpu::SimdLevel level = cpu::simd_level());

  // Takes the next `count` samples, any number of them, and appends the frames that they complete
  // to `frames`, num_mel_bins values each. Returns the number of these frames. Throws
  // std::invalid_argument if `count` is negative, std::logic_error after finish().
  int64_t push(const float* samples, int64_t count, std::vector<float>& frames);

  // Ends the clip. Returns the number of samples at its end that no frame covers.
  int64_t finish();

 private:
  // Appends the first `count` frames of `samples`.
  void append(const float* samples, int64_t count, std::vector<float>& frames) const;

  std::shared_ptr<const cpu::FbankPlan> plan_;
  cpu::SimdLevel level_;
  std::vector<float> pending_;  // from the beginning of the next frame on; fewer than 400
  bool started_ = false;        // a frame has come out
  bool finished_ = false;
};

}  // namespace w2vbert
