// What the operators of this folder have in common: all of a call's tensors are on one device, and
// nothing is recorded for gradients. Throws std::invalid_argument as the checks of ops/checks.h do.
#pragma once

#include <string>

#include "w2vbert/ops/checks.h"
#include "w2vbert/torch/cuda.h"

namespace w2vbert::ops::cuda {

inline bool is_half_or_float(const Tensor& tensor) {
  return tensor.dtype() == DType::kFloat32 || tensor.dtype() == DType::kFloat16 ||
         tensor.dtype() == DType::kBFloat16;
}

// What a grid can have: blocks for every row along x, for every 128 columns along y.
constexpr int64_t kMostRows = INT32_MAX;
constexpr int64_t kMostColumns = int64_t{65535} * 128;

// float32, float16 or bfloat16 [rows, columns] on a CUDA device. Gradients are not enabled.
inline void check_rows(const char* op, const char* argument, const Tensor& tensor) {
  if (!is_cuda(tensor) || tensor.dim() != 2 || !is_half_or_float(tensor) ||
      tensor.size(0) > kMostRows || tensor.size(1) == 0 || tensor.size(1) > kMostColumns) {
    refuse(op, argument, describe_with_device(tensor),
           "float32, float16 or bfloat16 [rows, columns] on a CUDA device with at most " +
               std::to_string(kMostRows) + " rows and 1 to " + std::to_string(kMostColumns) +
               " columns");
  }
  if (GradMode::enabled()) refuse(op, "the gradient mode", "enabled", "no gradients on CUDA");
}

inline void check_on(const CudaDevice& device, const char* op, const char* argument,
                     const Tensor& tensor, DType dtype, const Shape& shape) {
  if (!device.has(tensor) || tensor.dtype() != dtype || tensor.shape() != shape) {
    refuse(op, argument, describe_with_device(tensor),
           dtype_name(dtype) + " " + shape_string(shape) + " on the device of the first argument");
  }
}

// int64 [utterances + 1]. On the CPU they are checked and copied; offsets on the device are the
// caller's responsibility: wrong ones give wrong results, but touch no other memory.
inline Tensor device_offsets(const CudaDevice& device, const char* op, const Tensor& offsets,
                             int64_t total) {
  if (offsets.defined() && offsets.is_cpu()) {
    check_offsets(op, offsets, total);
  } else if (!device.has(offsets) || offsets.dtype() != DType::kInt64 || offsets.dim() != 1 ||
             offsets.numel() == 0) {
    refuse(op, "offsets", describe_with_device(offsets),
           "int64 [utterances + 1] on the CPU or the device of the first argument");
  }
  return device.here(offsets);
}

}  // namespace w2vbert::ops::cuda
