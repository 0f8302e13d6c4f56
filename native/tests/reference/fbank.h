// The mel filter bank of ops/cpu/fbank_kernel.h, written down naively in float64: a discrete
// Fourier transform by its definition, dense mel filters.
#pragma once

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <vector>

namespace w2vbert::reference {

inline std::vector<double> povey_window() {
  std::vector<double> window(400);
  for (size_t i = 0; i < 400; ++i) {
    window[i] = std::pow(0.5 - 0.5 * std::cos(2 * M_PI * static_cast<double>(i) / 399), 0.85);
  }
  return window;
}

// [257, num_mel_bins]
inline std::vector<double> mel_filters(int64_t num_mel_bins, int64_t sampling_rate_hz) {
  const auto mel = [](double hz) { return 1127 * std::log(1 + hz / 700); };
  const double low = mel(20), high = mel(static_cast<double>(sampling_rate_hz / 2));
  const auto corner = [&](int64_t i) {
    return low + (high - low) * static_cast<double>(i) / static_cast<double>(num_mel_bins + 1);
  };
  std::vector<double> filters;
  for (int k = 0; k <= 256; ++k) {
    const double m = mel(k * static_cast<double>(sampling_rate_hz) / 512);
    for (int64_t bin = 0; bin < num_mel_bins; ++bin) {
      const double l = corner(bin), c = corner(bin + 1), r = corner(bin + 2);
      const double weight = std::max(0.0, std::min((m - l) / (c - l), (r - m) / (r - c)));
      filters.push_back(k == 256 ? 0 : weight);
    }
  }
  return filters;
}

// [frames, num_mel_bins], before the rounding to float32.
inline std::vector<double> fbank(const std::vector<float>& samples, int64_t num_mel_bins,
                                 int64_t sampling_rate_hz) {
  const std::vector<double> window = povey_window();
  const std::vector<double> filters = mel_filters(num_mel_bins, sampling_rate_hz);
  std::vector<std::complex<double>> roots(512);
  for (size_t i = 0; i < 512; ++i) {
    roots[i] = std::polar(1.0, -2 * M_PI * static_cast<double>(i) / 512);
  }
  std::vector<double> result;
  for (size_t start = 0; start + 400 <= samples.size(); start += 160) {
    std::vector<double> x(400);
    double mean = 0;
    for (size_t i = 0; i < 400; ++i) {
      x[i] = static_cast<double>(samples[start + i] * 32768.0f);
      mean += x[i] / 400;
    }
    for (double& value : x) value -= mean;
    std::vector<double> power(257);
    for (size_t k = 0; k <= 256; ++k) {
      std::complex<double> sum = 0;
      for (size_t i = 0; i < 400; ++i) {
        const double y = x[i] - 0.97 * x[i == 0 ? 0 : i - 1];
        sum += y * window[i] * roots[i * k % 512];
      }
      power[k] = std::norm(std::complex<double>(std::complex<float>(sum)));
    }
    for (size_t bin = 0; bin < static_cast<size_t>(num_mel_bins); ++bin) {
      double energy = 0;
      for (size_t k = 0; k <= 256; ++k) {
        energy += filters[k * static_cast<size_t>(num_mel_bins) + bin] * power[k];
      }
      result.push_back(std::log(energy < 0x1p-23 ? 0x1p-23 : energy));
    }
  }
  return result;
}

}  // namespace w2vbert::reference
