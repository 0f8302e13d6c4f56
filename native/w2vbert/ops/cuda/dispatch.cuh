#pragma once

#include "w2vbert/ops/cuda/device.cuh"
#include "w2vbert/torch/tensor.h"

namespace w2vbert::ops::cuda {

// Calls function(T()) with the storage type of a checked tensor.
template <typename Function>
void with_storage_type(DType dtype, const Function& function) {
  if (dtype == DType::kFloat32) {
    function(float());
  } else if (dtype == DType::kFloat16) {
    function(w2vbert::cuda::Float16());
  } else {
    function(w2vbert::cuda::BFloat16());
  }
}

// The first element, for a kernel that knows the type.
template <typename T>
T* data(const Tensor& tensor) {
  return tensor.defined() ? static_cast<T*>(tensor.raw_data()) : nullptr;
}

}  // namespace w2vbert::ops::cuda
