// The part of CUDA's runtime that torch/cuda.cpp uses, for a device that is emulated.
#pragma once

enum cudaError_t { cudaSuccess = 0 };
inline cudaError_t cudaSetDevice(int) { return cudaSuccess; }
inline const char* cudaGetErrorString(cudaError_t) { return "no error"; }
