#include "w2vbert/torch/autograd.h"

#include <stdexcept>

#include "w2vbert/torch/c_abi.h"

namespace w2vbert {

// at::Tensor& c10::TensorImpl::mutable_grad()
AtenTensorHandle mutable_grad(void* tensor_impl) asm("_ZN3c1010TensorImpl12mutable_gradEv");
// bool c10::TensorImpl::requires_grad() const
bool impl_requires_grad(const void* tensor_impl) asm("_ZNK3c1010TensorImpl13requires_gradEv");

namespace {

bool is_defined(AtenTensorHandle handle) {
  bool defined = false;
  if (aoti_torch_is_defined(handle, &defined) != 0) {
    throw std::runtime_error("LibTorch could not look for a gradient");
  }
  return defined;
}

}  // namespace

// An at::Tensor is one pointer.
void* impl_of(const Tensor& tensor) {
  if (!tensor.defined()) throw std::logic_error("an undefined tensor has no gradient");
  return *reinterpret_cast<void**>(tensor.handle());
}

bool requires_grad(const Tensor& tensor) { return impl_requires_grad(impl_of(tensor)); }

bool is_leaf(const Tensor& tensor) {
  StableIValue stack[] = {reinterpret_cast<StableIValue>(tensor.new_handle())};
  if (torch_call_dispatcher("aten::is_leaf", "", stack, kTorchAbiVersion) != 0) {
    throw std::runtime_error("LibTorch could not tell whether a tensor is a leaf");
  }
  return (stack[0] & 0xff) != 0;
}

Tensor gradient(const Tensor& leaf) {
  const AtenTensorHandle grad = mutable_grad(impl_of(leaf));
  return is_defined(grad) ? Tensor::share(grad) : Tensor();
}

void clear_gradient(const Tensor& leaf) {
  const AtenTensorHandle grad = mutable_grad(impl_of(leaf));
  if (!is_defined(grad)) return;
  AtenTensorHandle none = nullptr;
  if (aoti_torch_new_uninitialized_tensor(&none) != 0) {
    throw std::runtime_error("LibTorch could not forget a gradient");
  }
  const Tensor owner = Tensor::adopt(none);
  if (aoti_torch_assign_tensors(none, grad) != 0) {
    throw std::runtime_error("LibTorch could not forget a gradient");
  }
}

}  // namespace w2vbert
