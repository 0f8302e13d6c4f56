// Log-mel filter bank of Kaldi, with the constants that SeamlessM4TFeatureExtractor fixes. Per
// frame:
//   x[i] = 32768 samples[160 frame + i], 0 <= i < 400, in float32; float64 from here on
//   y    = (x - mean) with pre-emphasis 0.97, times the Povey window, zero-padded to 512
//   p[k] = |complex64(rfft(y)[k])|^2
//   out[frame, m] = float32(ln(max(2^-23, sum_k mel_filters[k, m] p[k])))
// Frames are 400 samples every 160 at every sampling rate, as in the reference; the rate only
// places the mel filters. NaN or infinity in a frame makes the whole row NaN, as the dense product
// of the reference does. A row depends on its own 400 samples only, bit for bit: not on its
// neighbours and not on how the frames are split between calls.
#pragma once

#include <cstdint>

#include "w2vbert/ops/cpu/cpu_features.h"

namespace w2vbert::cpu {

constexpr int64_t kFbankFrameSamples = 400;
constexpr int64_t kFbankHopSamples = 160;
constexpr int64_t kFbankFftSize = 512;

// The frequency bins at which a mel filter is not zero.
struct FbankMelFilter {
  int32_t first_bin;
  int32_t bins;
};

// Constants of one filter bank, see FbankPlan.
struct FbankTables {
  const double* half_window;     // [400] Povey window / 2
  const double* fft_twiddles;    // radix-4 stages of 256, 64 and 16 points, in the order of use
  const double* split_twiddles;  // [128, 2] cos and -sin of 2 pi k / 512
  const int32_t* fft_positions;  // [256] where the transform leaves frequency k
  const FbankMelFilter* mel_filters;  // [num_mel_bins]
  const double* mel_weights;          // the filters' weights one after another
  int64_t num_mel_bins;
};

struct FbankParams {
  FbankTables tables;
  const float* samples;  // one clip, at least 160 (frames - 1) + 400 samples of it
  float* out;            // [frames, num_mel_bins]
};

// Writes the rows begin .. end - 1 of `out`. Frames are computed four at a time.
void fbank(SimdLevel level, const FbankParams& params, int64_t begin, int64_t end);
void fbank_portable(const FbankParams& params, int64_t begin, int64_t end);
void fbank_avx2(const FbankParams& params, int64_t begin, int64_t end);

}  // namespace w2vbert::cpu
