// Random numbers for training.
#pragma once

#include <cstdint>

#include "w2vbert/torch/tensor.h"

namespace w2vbert {

// The number at a position of a stream is a function of the seed and the position alone
// (SplitMix64, Steele et al. 2014). So draws do not depend on threads, a state is two numbers, and
// going back to a position draws the same again.
class RandomStream {
 public:
  explicit RandomStream(uint64_t seed) : seed_(seed) {}

  uint64_t seed() const { return seed_; }
  uint64_t position() const { return position_; }
  void set_position(uint64_t position) { position_ = position; }

  // From [0, 1).
  double uniform();
  // From 0 to bound - 1; bound is 1 to 2^52.
  int64_t below(int64_t bound);
  // float32: 0 with the given probability, otherwise 1 / (1 - probability).
  Tensor dropout_factors(const Shape& shape, double probability);

 private:
  uint64_t seed_;
  uint64_t position_ = 0;
};

}  // namespace w2vbert
