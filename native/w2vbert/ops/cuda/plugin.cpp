// What libw2vbert.so asks of the plug-in after it has opened it.

#include <cuda_runtime.h>

#include <string>

#include "w2vbert/torch/cuda_plugin.h"
#include "w2vbert/torch/cuda_runtime_table.h"
#include "w2vbert/torch/library.h"

static_assert(CUDART_VERSION / 1000 * 1000 <= w2vbert::kNeededCudaDriver,
              "drivers that kNeededCudaDriver allows may be too old for this toolkit");

extern "C" __attribute__((visibility("default"))) const char* w2vbert_cuda_registration_failure() {
  static const std::string failure = w2vbert::registration_failure();
  return failure.c_str();
}

extern "C" __attribute__((visibility("default"))) const w2vbert::CudaRuntimeTable*
w2vbert_cuda_runtime() {
  return &w2vbert::cuda_runtime_table();
}
