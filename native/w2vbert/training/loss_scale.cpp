#include "w2vbert/training/loss_scale.h"

#include <algorithm>

namespace w2vbert {

void LossScale::update(bool finite) {
  if (!finite) {
    exponent = std::max(exponent - 1, kLeastExponent);
    steps = 0;
  } else if (++steps == kStepsToGrow) {
    exponent = std::min(exponent + 1, kLargestExponent);
    steps = 0;
  }
}

}  // namespace w2vbert
