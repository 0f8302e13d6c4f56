// Mixed precision, as torch.autocast has it in the reference: parameters stay float32, their
// products with rows compute in a shorter type.
#pragma once

#include <optional>

#include "w2vbert/torch/tensor.h"

namespace w2vbert {

// While one of these lives, products of layers (ops/linear.h) on this thread round what they
// multiply to `dtype`, and so is their result; without it they compute in the type of their input.
class Autocast {
 public:
  explicit Autocast(std::optional<DType> dtype);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

  static std::optional<DType> dtype();

 private:
  std::optional<DType> before_;
};

}  // namespace w2vbert
