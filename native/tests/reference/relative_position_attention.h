// Relative position attention in float64, as directly from its definition as can be.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "w2vbert/ops/cpu/relative_position_attention_kernel.h"

namespace w2vbert::reference {

struct AttentionResult {
  std::vector<double> output;   // [total_time, heads * head_dim]
  std::vector<double> weights;  // [heads, time, time] per utterance
};

inline AttentionResult relative_position_attention(const cpu::RelativePositionAttentionParams& p) {
  const int64_t hidden = p.heads * p.head_dim;
  const std::vector<float> zero(static_cast<size_t>(p.head_dim), 0.0f);
  AttentionResult result;
  result.output.assign(static_cast<size_t>(p.offsets[p.utterances] * hidden), 0.0);
  for (int64_t u = 0; u < p.utterances; ++u) {
    const int64_t first = p.offsets[u];
    const int64_t time = p.offsets[u + 1] - first;
    const auto valid = [&](int64_t j) { return p.key_mask == nullptr || p.key_mask[first + j]; };
    bool any_valid = false;
    for (int64_t j = 0; j < time; ++j) any_valid |= valid(j);
    for (int64_t h = 0; h < p.heads; ++h) {
      const bool biased = p.position == cpu::AttentionPosition::kRelative;
      const float* bias_u = biased ? p.bias_u + h * p.head_dim : zero.data();
      const float* bias_v = biased ? p.bias_v + h * p.head_dim : zero.data();
      for (int64_t i = 0; i < time; ++i) {
        const float* q = p.query + (first + i) * p.query_stride + h * p.head_dim;
        std::vector<double> weight(static_cast<size_t>(time), 0.0);
        double top = -std::numeric_limits<double>::infinity();
        for (int64_t j = 0; j < time; ++j) {
          if (!valid(j)) continue;
          const float* k = p.key + (first + j) * p.key_stride + h * p.head_dim;
          const float* r = zero.data();
          if (p.position == cpu::AttentionPosition::kRelativeKey) {
            r = p.distance_embedding + (std::clamp(j - i, -p.left, p.right) + p.left) * p.head_dim;
          } else if (p.position == cpu::AttentionPosition::kRelative) {
            r = p.position_projection + (p.table - 1 - (i - j)) * hidden + h * p.head_dim;
          }
          double score = 0.0;
          for (int64_t d = 0; d < p.head_dim; ++d) {
            score += (double{q[d]} + bias_u[d]) * k[d] + (double{q[d]} + bias_v[d]) * r[d];
          }
          weight[j] = score / std::sqrt(static_cast<double>(p.head_dim));
          top = std::max(top, weight[j]);
        }
        double sum = 0.0;
        for (int64_t j = 0; j < time; ++j) {
          weight[j] = !any_valid ? 1.0 : valid(j) ? std::exp(weight[j] - top) : 0.0;
          sum += weight[j];
        }
        double* out = result.output.data() + (first + i) * hidden + h * p.head_dim;
        for (int64_t j = 0; j < time; ++j) {
          weight[j] /= sum;
          if (weight[j] == 0.0) continue;
          const float* v = p.value + (first + j) * p.value_stride + h * p.head_dim;
          for (int64_t d = 0; d < p.head_dim; ++d) out[d] += weight[j] * v[d];
        }
        result.weights.insert(result.weights.end(), weight.begin(), weight.end());
      }
    }
  }
  return result;
}

}  // namespace w2vbert::reference
