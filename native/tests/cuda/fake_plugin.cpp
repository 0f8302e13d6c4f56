// Stands for the CUDA plug-in where only the way to it is tested.
#include "w2vbert/torch/cuda_runtime.h"

namespace {

void connect(int (*)(const int64_t*, int64_t, int32_t, int32_t, AtenTensorOpaque**)) {}

const w2vbert::CudaRuntimeTable table = [] {
  w2vbert::CudaRuntimeTable with_one_function{};
  with_one_function.version = w2vbert::CudaRuntimeTable::kVersion;
  with_one_function.connect = &connect;
  return with_one_function;
}();

}  // namespace

extern "C" const char* w2vbert_cuda_registration_failure() { return ""; }
extern "C" const w2vbert::CudaRuntimeTable* w2vbert_cuda_runtime() { return &table; }
