// The constants of a filter bank: window, twiddle factors, mel filters.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "w2vbert/ops/cpu/fbank_kernel.h"

namespace w2vbert::cpu {

// Immutable; threads may share it.
class FbankPlan {
 public:
  // The plan for these mel bins between 20 Hz and half the sampling rate, built once per process.
  // Throws std::invalid_argument unless 1 <= num_mel_bins <= 65536 and sampling_rate_hz >= 42.
  static std::shared_ptr<const FbankPlan> get(int64_t num_mel_bins, int64_t sampling_rate_hz);

  // Valid as long as the plan.
  FbankTables tables() const;

 private:
  FbankPlan(int64_t num_mel_bins, int64_t sampling_rate_hz);

  std::vector<double> half_window_;
  std::vector<double> fft_twiddles_;
  std::vector<double> split_twiddles_;
  std::vector<int32_t> fft_positions_;
  std::vector<FbankMelFilter> mel_filters_;
  std::vector<double> mel_weights_;
};

// Full frames in a clip: 1 + floor((samples - 400) / 160). Negative below 240 samples, where the
// reference raises; 0 from 240 to 399.
int64_t fbank_frames(int64_t samples);

}  // namespace w2vbert::cpu
