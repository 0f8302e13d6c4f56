// The naive twin of causal_depthwise_conv1d.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace w2vbert::reference {

struct Conv {
  std::vector<double> out;
  // How far rounding can take a float32 sum: `kernel` products and sums, each wrong by at most
  // 2^-24 of sum_k |weight * x|.
  std::vector<double> bound;
};

// x [total_time, channels], weight [channels, 1, kernel], offsets [utterances + 1]
inline Conv causal_depthwise_conv1d(const std::vector<float>& x, const std::vector<float>& weight,
                                    const std::vector<int64_t>& offsets, int64_t channels,
                                    int64_t kernel) {
  const double roundings = 2.0 * static_cast<double>(kernel);
  Conv result{std::vector<double>(x.size()), std::vector<double>(x.size())};
  for (size_t u = 0; u + 1 < offsets.size(); ++u) {
    for (int64_t t = offsets[u]; t < offsets[u + 1]; ++t) {
      for (int64_t c = 0; c < channels; ++c) {
        for (int64_t k = 0; k < kernel; ++k) {
          const int64_t row = t - (kernel - 1) + k;
          if (row < offsets[u]) continue;
          const double product = double{weight[c * kernel + k]} * double{x[row * channels + c]};
          result.out[t * channels + c] += product;
          result.bound[t * channels + c] += roundings * 0x1p-24 * std::abs(product);
        }
      }
    }
  }
  return result;
}

}  // namespace w2vbert::reference
