#include "w2vbert/ops/cpu/rotary_embedding_kernel.h"

#include <cmath>

namespace w2vbert::cpu {

void rotary_embedding(const RotaryEmbeddingParams& p, int64_t begin, int64_t end, float* scratch) {
  const int64_t half = p.head_dim / 2;
  float* cosine = scratch;
  float* sine = scratch + half;
  int64_t utterance = 0;
  for (int64_t row = begin; row < end; ++row) {
    while (p.offsets[utterance + 1] <= row) ++utterance;
    const float position = static_cast<float>(row - p.offsets[utterance]);
    for (int64_t i = 0; i < half; ++i) {
      const float angle = position * p.frequencies[i];
      cosine[i] = std::cos(angle);
      sine[i] = std::sin(angle);
    }
    for (int64_t h = 0; h < p.heads; ++h) {
      const float* low = p.x + row * p.x_stride + h * p.head_dim;
      const float* high = low + half;
      float* out = p.out + (row * p.heads + h) * p.head_dim;
      for (int64_t i = 0; i < half; ++i) {
        out[i] = low[i] * cosine[i] - high[i] * sine[i];
        out[half + i] = high[i] * cosine[i] + low[i] * sine[i];
      }
    }
  }
}

}  // namespace w2vbert::cpu
