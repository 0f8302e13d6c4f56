// The functions of cuda_runtime.h, where they are implemented: in the plug-in.
#pragma once

#include "w2vbert/torch/cuda_runtime.h"

namespace w2vbert {

const CudaRuntimeTable& cuda_runtime_table();

}  // namespace w2vbert
