#include "w2vbert/ops/cpu/fbank_plan.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

namespace w2vbert::cpu {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kLowestHz = 20;
constexpr int64_t kMaxMelBins = 65536;
constexpr int64_t kMinSamplingRateHz = 42;  // half of it lies above kLowestHz

double hz_to_mel(double hz) { return 1127.0 * std::log(1.0 + hz / 700.0); }

void push_unit_root(std::vector<double>& table, int64_t k, int64_t n) {
  const double angle = 2 * kPi * static_cast<double>(k) / static_cast<double>(n);
  table.push_back(std::cos(angle));
  table.push_back(-std::sin(angle));
}

}  // namespace

FbankPlan::FbankPlan(int64_t num_mel_bins, int64_t sampling_rate_hz) {
  for (int64_t i = 0; i < kFbankFrameSamples; ++i) {
    const double phase = 2 * kPi * static_cast<double>(i) / (kFbankFrameSamples - 1);
    half_window_.push_back(0.5 * std::pow(0.5 - 0.5 * std::cos(phase), 0.85));
  }

  constexpr int64_t kPoints = kFbankFftSize / 2;
  for (int64_t points = kPoints; points > 4; points /= 4) {
    for (int64_t j = 1; j < points / 4; ++j) {
      for (int64_t output = 1; output < 4; ++output) {
        push_unit_root(fft_twiddles_, j * output, points);
      }
    }
  }
  for (int64_t k = 0; k < kPoints / 2; ++k) push_unit_root(split_twiddles_, k, kFbankFftSize);
  for (int64_t k = 0; k < kPoints; ++k) {
    // Four base-4 digits, reversed.
    fft_positions_.push_back(
        static_cast<int32_t>((k & 3) << 6 | (k & 12) << 2 | (k & 48) >> 2 | k >> 6));
  }

  std::vector<double> bin_mels;
  for (int32_t k = 0; k < kPoints; ++k) {
    bin_mels.push_back(hz_to_mel(static_cast<double>(sampling_rate_hz) / kFbankFftSize * k));
  }
  const double lowest = hz_to_mel(kLowestHz);
  const double highest = hz_to_mel(static_cast<double>(sampling_rate_hz / 2));
  const double step = (highest - lowest) / static_cast<double>(num_mel_bins + 1);
  const auto corner = [&](int64_t i) {
    return i == num_mel_bins + 1 ? highest : lowest + static_cast<double>(i) * step;
  };
  for (int64_t m = 0; m < num_mel_bins; ++m) {
    const double left = corner(m), centre = corner(m + 1), right = corner(m + 2);
    FbankMelFilter filter = {0, 0};
    for (int32_t k = 0; k < kPoints; ++k) {
      const double mel = bin_mels[static_cast<size_t>(k)];
      const double weight =
          std::min((mel - left) / (centre - left), (right - mel) / (right - centre));
      if (weight <= 0) continue;
      if (filter.bins == 0) filter.first_bin = k;
      ++filter.bins;
      mel_weights_.push_back(weight);
    }
    mel_filters_.push_back(filter);
  }
}

std::shared_ptr<const FbankPlan> FbankPlan::get(int64_t num_mel_bins, int64_t sampling_rate_hz) {
  if (num_mel_bins < 1 || num_mel_bins > kMaxMelBins) {
    throw std::invalid_argument("num_mel_bins is " + std::to_string(num_mel_bins) +
                                "; expected 1 to " + std::to_string(kMaxMelBins));
  }
  if (sampling_rate_hz < kMinSamplingRateHz) {
    throw std::invalid_argument("sampling_rate is " + std::to_string(sampling_rate_hz) +
                                " Hz; expected at least " + std::to_string(kMinSamplingRateHz));
  }
  static std::mutex mutex;
  static std::map<std::pair<int64_t, int64_t>, std::shared_ptr<const FbankPlan>> plans;
  constexpr size_t kMostPlans =
      16;  // nobody uses more kinds at once; plans in use outlive the cache
  const std::lock_guard<std::mutex> lock(mutex);
  if (plans.size() >= kMostPlans && plans.count({num_mel_bins, sampling_rate_hz}) == 0) {
    plans.clear();
  }
  std::shared_ptr<const FbankPlan>& plan = plans[{num_mel_bins, sampling_rate_hz}];
  if (plan == nullptr) plan.reset(new FbankPlan(num_mel_bins, sampling_rate_hz));
  return plan;
}

FbankTables FbankPlan::tables() const {
  return {half_window_.data(),
          fft_twiddles_.data(),
          split_twiddles_.data(),
          fft_positions_.data(),
          mel_filters_.data(),
          mel_weights_.data(),
          static_cast<int64_t>(mel_filters_.size())};
}

int64_t fbank_frames(int64_t samples) {
  const int64_t hops = samples - kFbankFrameSamples;
  // Division rounds towards zero.
  return 1 + (hops >= 0 ? hops : hops - (kFbankHopSamples - 1)) / kFbankHopSamples;
}

}  // namespace w2vbert::cpu
