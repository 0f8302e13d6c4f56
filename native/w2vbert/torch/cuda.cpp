#include "w2vbert/torch/cuda.h"

#include <cuda_runtime.h>

#include <atomic>
#include <stdexcept>

#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/c_abi.h"
#include "w2vbert/torch/device_memory.h"

// Of libtorch_cuda.so, documented upstream in torch/csrc/inductor/aoti_torch/c/shim.h.
extern "C" {
AOTITorchError aoti_torch_create_cuda_guard(int32_t device_index, CUDAGuardOpaque** result);
AOTITorchError aoti_torch_delete_cuda_guard(CUDAGuardOpaque* guard);
AOTITorchError aoti_torch_get_current_cuda_stream(int32_t device_index, void** result);
}

namespace w2vbert {
namespace {

std::atomic<CudaDevice::Serve> serve_empty{nullptr};

void check(AOTITorchError error, const char* what) {
  if (error != 0) throw std::runtime_error(std::string("LibTorch could not ") + what);
}

int32_t device_index(const Tensor& tensor) {
  int32_t index = 0;
  check(aoti_torch_get_device_index(tensor.handle(), &index), "read a device");
  return index;
}

}  // namespace

bool is_cuda(const Tensor& tensor) {
  if (!tensor.defined()) return false;
  int32_t type = 0;
  check(aoti_torch_get_device_type(tensor.handle(), &type), "read a device");
  return type == aoti_torch_device_type_cuda();
}

std::string describe_with_device(const Tensor& tensor) {
  return tensor.describe() + (tensor.defined() && tensor.is_cpu() ? " on the CPU" : "");
}

CudaDevice::CudaDevice(const Tensor& tensor) : index_(device_index(tensor)) {
  check(aoti_torch_create_cuda_guard(index_, &guard_), "select a CUDA device");
  // The plug-in's CUDA runtime is its own, and has its own idea of the current device.
  const cudaError_t error = cudaSetDevice(index_);
  if (error != cudaSuccess) {
    aoti_torch_delete_cuda_guard(guard_);
    throw std::runtime_error(std::string("cudaSetDevice: ") + cudaGetErrorString(error));
  }
}

CudaDevice::~CudaDevice() { aoti_torch_delete_cuda_guard(guard_); }

CUstream_st* CudaDevice::stream() const {
  void* stream = nullptr;
  check(aoti_torch_get_current_cuda_stream(index_, &stream), "find the current CUDA stream");
  return static_cast<CUstream_st*>(stream);
}

void CudaDevice::wait() const {
  const cudaError_t error = cudaStreamSynchronize(stream());
  if (error != cudaSuccess) {
    throw std::runtime_error(std::string("cudaStreamSynchronize: ") + cudaGetErrorString(error));
  }
}

void CudaDevice::serve_empty_by(Serve serve) { serve_empty = serve; }

Tensor CudaDevice::empty(const Shape& shape, DType dtype) const {
  if (const Serve serve = serve_empty) {
    AtenTensorOpaque* tensor = nullptr;
    const int served = serve(shape.data(), static_cast<int64_t>(shape.size()),
                             static_cast<int32_t>(dtype), index_, &tensor);
    if (served == DeviceMemory::kServed) return Tensor::adopt(tensor);
    if (served == DeviceMemory::kNoMemory) throw std::runtime_error("no memory");
  }
  return Tensor::empty(shape, dtype, {true, index_});
}

bool CudaDevice::has(const Tensor& tensor) const {
  return is_cuda(tensor) && device_index(tensor) == index_;
}

Tensor CudaDevice::here(const Tensor& tensor) const {
  return aten::contiguous(tensor).to({true, index_});
}

}  // namespace w2vbert
