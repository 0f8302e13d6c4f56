// What a loss is multiplied by before its gradients are computed in float16: small ones would be
// lost below 2^-24. As torch.amp.GradScaler has it in the reference.
#pragma once

#include <cmath>
#include <cstdint>

namespace w2vbert {

struct LossScale {
  static constexpr int64_t kStepsToGrow = 2000;
  // Of float32, which the gradient of the loss itself is.
  static constexpr int kLeastExponent = -126;
  static constexpr int kLargestExponent = 127;

  int exponent = 16;  // of 2
  int64_t steps = 0;  // with finite gradients, since the exponent changed; below kStepsToGrow

  double value() const { return std::ldexp(1.0, exponent); }

  // After gradients of a loss that was multiplied by it: halved if they were not finite, doubled
  // after kStepsToGrow steps with finite ones.
  void update(bool finite);
};

}  // namespace w2vbert
