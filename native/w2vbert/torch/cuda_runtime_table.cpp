// The plug-in's side of cuda_runtime.h.
#include "w2vbert/torch/cuda_runtime_table.h"

#include <cuda_runtime.h>

#include <memory>
#include <string>

#include "w2vbert/torch/c_abi.h"
#include "w2vbert/torch/cuda.h"

// Of libtorch_cuda.so, documented upstream in torch/csrc/inductor/aoti_torch/c/shim.h.
struct CUDAStreamGuardOpaque;
extern "C" {
AOTITorchError aoti_torch_create_cuda_stream_guard(void* stream, int32_t device_index,
                                                   CUDAStreamGuardOpaque** result);
AOTITorchError aoti_torch_delete_cuda_stream_guard(CUDAStreamGuardOpaque* guard);
AOTITorchError aoti_torch_get_current_cuda_stream(int32_t device_index, void** result);
}

namespace w2vbert {
namespace {

const char* told(const std::string& problem) {
  thread_local std::string last;
  last = problem;
  return last.c_str();
}

const char* result_of(const char* function, cudaError_t error) {
  if (error == cudaSuccess) return nullptr;
  cudaGetLastError();  // so that the next call is not blamed
  return told(std::string(function) + ": " + cudaGetErrorString(error));
}

// The plug-in's CUDA runtime is its own, and has its own idea of a thread's device; one that was
// not told takes the first, and makes itself at home there.
const char* use(int32_t device) { return result_of("cudaSetDevice", cudaSetDevice(device)); }

const char* create_stream(int32_t device, void** stream) {
  if (const char* error = use(device)) return error;
  cudaStream_t created = nullptr;
  const char* error = result_of("cudaStreamCreateWithFlags",
                                cudaStreamCreateWithFlags(&created, cudaStreamNonBlocking));
  *stream = created;
  return error;
}

const char* enter_stream(int32_t device, void* stream, void** guard) {
  CUDAStreamGuardOpaque* entered = nullptr;
  if (aoti_torch_create_cuda_stream_guard(stream, device, &entered) != 0) {
    return told("LibTorch could not use a stream of device " + std::to_string(device));
  }
  if (const char* error = use(device)) {
    aoti_torch_delete_cuda_stream_guard(entered);
    return error;
  }
  *guard = entered;
  return nullptr;
}

void leave_stream(void* guard) {
  aoti_torch_delete_cuda_stream_guard(static_cast<CUDAStreamGuardOpaque*>(guard));
}

cudaStream_t of(void* stream) { return static_cast<cudaStream_t>(stream); }

const char* wait(int32_t device, void* stream) {
  if (const char* error = use(device)) return error;
  return result_of("cudaStreamSynchronize", cudaStreamSynchronize(of(stream)));
}

const char* wait_for_current(int32_t device) {
  void* stream = nullptr;
  if (aoti_torch_get_current_cuda_stream(device, &stream) != 0) {
    return told("LibTorch has no stream of device " + std::to_string(device));
  }
  return wait(device, stream);
}

const char* begin_capture(void* stream) {
  // Other threads go on with what a capture forbids, allocating for instance.
  return result_of("cudaStreamBeginCapture",
                   cudaStreamBeginCapture(of(stream), cudaStreamCaptureModeThreadLocal));
}

const char* end_capture(void* stream, void** graph) {
  cudaGraph_t captured = nullptr;
  if (const char* error =
          result_of("cudaStreamEndCapture", cudaStreamEndCapture(of(stream), &captured))) {
    return error;
  }
  cudaGraphExec_t executable = nullptr;
  const char* error =
      result_of("cudaGraphInstantiate", cudaGraphInstantiate(&executable, captured, 0));
  cudaGraphDestroy(captured);
  *graph = executable;
  return error;
}

const char* launch(void* graph, void* stream) {
  return result_of("cudaGraphLaunch",
                   cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), of(stream)));
}

void destroy_graph(int32_t device, void* graph) {
  if (use(device) == nullptr) cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph));
}

const char* allocate_pinned(int32_t device, int64_t bytes, void** memory) {
  if (const char* error = use(device)) return error;
  return result_of("cudaMallocHost", cudaMallocHost(memory, static_cast<size_t>(bytes)));
}

void free_pinned(int32_t device, void* memory) {
  if (use(device) == nullptr) cudaFreeHost(memory);
}

const char* copy(void* to, const void* from, int64_t bytes, void* stream) {
  return result_of("cudaMemcpyAsync", cudaMemcpyAsync(to, from, static_cast<size_t>(bytes),
                                                      cudaMemcpyDefault, of(stream)));
}

}  // namespace

const CudaRuntimeTable& cuda_runtime_table() {
  static const CudaRuntimeTable table{CudaRuntimeTable::kVersion,
                                      &CudaDevice::serve_empty_by,
                                      &create_stream,
                                      &enter_stream,
                                      &leave_stream,
                                      &wait,
                                      &wait_for_current,
                                      &begin_capture,
                                      &end_capture,
                                      &launch,
                                      &destroy_graph,
                                      &allocate_pinned,
                                      &free_pinned,
                                      &copy};
  return table;
}

}  // namespace w2vbert
