// Test signals.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace w2vbert::testing {

inline std::vector<float> noise(int64_t count, float deviation, uint32_t seed = 1) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0.0f, deviation);
  std::vector<float> samples(static_cast<size_t>(count));
  for (float& sample : samples) sample = normal(generator);
  return samples;
}

}  // namespace w2vbert::testing
