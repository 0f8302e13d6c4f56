// The naive twin of linear.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace w2vbert::reference {

struct Linear {
  std::vector<double> out;
  // How far rounding can take a float32 sum: `in` products and `in` + 1 sums, each wrong by at most
  // 2^-24 of |bias| + sum_k |weight * x|.
  std::vector<double> bound;
};

// x [rows, in], weight [out, in], bias [out] or empty
inline Linear linear(const std::vector<float>& x, const std::vector<float>& weight,
                     const std::vector<float>& bias, int64_t rows, int64_t in, int64_t out) {
  const double roundings = 2.0 * static_cast<double>(in) + 1.0;
  Linear result{std::vector<double>(rows * out), std::vector<double>(rows * out)};
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < out; ++c) {
      double sum = bias.empty() ? 0.0 : bias[c];
      double magnitude = std::abs(sum);
      for (int64_t k = 0; k < in; ++k) {
        const double product = double{x[r * in + k]} * double{weight[c * in + k]};
        sum += product;
        magnitude += std::abs(product);
      }
      result.out[r * out + c] = sum;
      result.bound[r * out + c] = roundings * 0x1p-24 * magnitude;
    }
  }
  return result;
}

}  // namespace w2vbert::reference
