// The naive twin of linear, in float64.
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
template <typename T>
Linear linear(const std::vector<T>& x, const std::vector<float>& weight,
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

inline double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }
inline double silu(double x) { return x * sigmoid(x); }
inline double relu(double x) { return x > 0.0 ? x : 0.0; }

// x [rows, size], weight and bias [size]
inline std::vector<double> layer_norm(const std::vector<float>& x, const std::vector<float>& weight,
                                      const std::vector<float>& bias, double eps) {
  const size_t size = weight.size();
  std::vector<double> out(x.size());
  for (size_t row = 0; row < x.size(); row += size) {
    double mean = 0.0;
    double variance = 0.0;
    for (size_t k = 0; k < size; ++k) mean += double{x[row + k]} / static_cast<double>(size);
    for (size_t k = 0; k < size; ++k) {
      variance += (x[row + k] - mean) * (x[row + k] - mean) / static_cast<double>(size);
    }
    for (size_t k = 0; k < size; ++k) {
      out[row + k] = (x[row + k] - mean) / std::sqrt(variance + eps) * weight[k] + bias[k];
    }
  }
  return out;
}

}  // namespace w2vbert::reference
