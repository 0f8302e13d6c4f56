// Backward passes for tests.
#pragma once

#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/autograd.h"

namespace w2vbert::testing {

// Gradients of the sum of `output` with respect to the leaves `inputs`, which require gradients.
inline std::vector<Tensor> gradients(const Tensor& output, const std::vector<Tensor>& inputs) {
  aten::backward(aten::call("aten::sum", "", {{output}, {aten::None{}}}));
  std::vector<Tensor> result;
  for (const Tensor& input : inputs) result.push_back(aten::clone(gradient(input)));
  return result;
}

}  // namespace w2vbert::testing
