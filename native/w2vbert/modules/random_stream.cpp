#include "w2vbert/modules/random_stream.h"

#include <algorithm>
#include <cmath>

#include "w2vbert/torch/parallel.h"

namespace w2vbert {
namespace {

// Numbers that are worth a thread: about 30 us.
constexpr int64_t kNumbersPerTask = int64_t{1} << 14;

uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// 53 random bits. The seed is mixed first: streams of neighbouring seeds must not be shifted copies
// of each other.
uint64_t bits_at(uint64_t mixed_seed, uint64_t position) {
  return mix(mixed_seed + (position + 1) * 0x9e3779b97f4a7c15u) >> 11;
}

constexpr double kRange = 9007199254740992.0;  // 2^53

}  // namespace

double RandomStream::uniform() {
  return static_cast<double>(bits_at(mix(seed_), position_++)) / kRange;
}

int64_t RandomStream::below(int64_t bound) {
  const auto drawn = static_cast<int64_t>(uniform() * static_cast<double>(bound));
  return std::min(drawn, bound - 1);  // the product may round up
}

Tensor RandomStream::dropout_factors(const Shape& shape, double probability) {
  const Tensor factors = Tensor::empty(shape, DType::kFloat32);
  const int64_t count = factors.numel();
  float* out = factors.data<float>();
  const uint64_t first = position_;
  const uint64_t seed = mix(seed_);
  const auto threshold = static_cast<uint64_t>(std::ceil(probability * kRange));
  const float kept = probability < 1 ? static_cast<float>(1 / (1 - probability)) : 0.0f;
  parallel_for(count, kNumbersPerTask, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      out[i] = bits_at(seed, first + static_cast<uint64_t>(i)) < threshold ? 0.0f : kept;
    }
  });
  position_ += static_cast<uint64_t>(count);
  return factors;
}

}  // namespace w2vbert
