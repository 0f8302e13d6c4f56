// Finds out whether CUDA can be used, and opens the plug-in only then: without it this library
// needs neither a driver nor LibTorch's CUDA libraries.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace w2vbert {

// The least version of CUDA that a driver must support, in the driver's own notation (1000 * major
// + 10 * minor). Drivers serve all minor versions of a major one.
constexpr int kNeededCudaDriver = 13000;

// "13.0"
std::string cuda_version_string(int version);

struct CudaDeviceInfo {
  std::string name;
  int capability_major = 0;
  int capability_minor = 0;
  int64_t memory = 0;  // bytes
};

struct CudaDriver {
  int version = 0;  // as above; 0: there is no driver
  std::vector<CudaDeviceInfo> devices;
  // One sentence: why CUDA cannot be used. Empty if it can.
  std::string problem;
};

// Asks the driver's library, `library`, which is left open where it works.
CudaDriver cuda_driver(const std::string& library = "libcuda.so.1");

// Opens LibTorch's CUDA library and then the plug-in, both given by path or soname, for the rest of
// the process; again does nothing. Throws std::runtime_error with one sentence if the driver has a
// problem, or one of the libraries is missing or does not fit.
void open_cuda_plugin(const CudaDriver& driver, const std::string& torch_cuda,
                      const std::string& plugin);

}  // namespace w2vbert
