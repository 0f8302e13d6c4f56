// Backward passes for tests. The C ABI has no accessor for gradients, so this reaches the exported
// c10::TensorImpl::mutable_grad; only tests do.
#pragma once

#include "w2vbert/torch/aten.h"

namespace w2vbert::testing {

AtenTensorOpaque* tensor_impl_mutable_grad(void* tensor_impl) asm(
    "_ZN3c1010TensorImpl12mutable_gradEv");

// Gradients of the sum of `output` with respect to the leaves `inputs`, which require gradients.
inline std::vector<Tensor> gradients(const Tensor& output, const std::vector<Tensor>& inputs) {
  const Tensor sum = aten::call("aten::sum", "", {{output}, {aten::None{}}});
  aten::backward(sum);
  std::vector<Tensor> result;
  for (const Tensor& input : inputs) {
    void* impl = *reinterpret_cast<void**>(input.handle());  // an at::Tensor is one pointer
    AtenTensorOpaque* grad = tensor_impl_mutable_grad(impl);
    result.push_back(aten::call("aten::clone", "", {{Tensor::share(grad)}, {aten::None{}}}));
  }
  return result;
}

}  // namespace w2vbert::testing
