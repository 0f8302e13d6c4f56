// Tensors on a CUDA device, for the plug-in: only it is linked to libtorch_cuda.so.
#pragma once

#include <cstdint>

#include "w2vbert/torch/tensor.h"

struct CUDAGuardOpaque;
struct CUstream_st;

namespace w2vbert {

bool is_cuda(const Tensor& tensor);
// "float32 [2, 100, 160] on cuda:0"
std::string describe_with_device(const Tensor& tensor);

// While one of these lives, its tensor's device is this thread's current one, for LibTorch and for
// launches.
class CudaDevice {
 public:
  // Throws std::runtime_error if the device cannot be used.
  explicit CudaDevice(const Tensor& tensor);
  ~CudaDevice();
  CudaDevice(const CudaDevice&) = delete;
  CudaDevice& operator=(const CudaDevice&) = delete;

  // LibTorch's current stream.
  CUstream_st* stream() const;
  // Until that stream's work is done. Throws std::runtime_error if it failed.
  void wait() const;
  // Uninitialised memory: from what serves this thread (torch/device_memory.h), or from LibTorch's
  // caching allocator.
  Tensor empty(const Shape& shape, DType dtype) const;
  // What serves, for the rest of the process; see CudaRuntimeTable::connect.
  using Serve = int (*)(const int64_t* shape, int64_t dimensions, int32_t dtype,
                        int32_t device_index, AtenTensorOpaque** result);
  static void serve_empty_by(Serve serve);
  // Whether the tensor is on this device.
  bool has(const Tensor& tensor) const;
  // The same values in contiguous memory of this device: the tensor itself, if they are there.
  Tensor here(const Tensor& tensor) const;

 private:
  int32_t index_;
  CUDAGuardOpaque* guard_ = nullptr;
};

}  // namespace w2vbert
