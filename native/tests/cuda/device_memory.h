// How much of a CUDA device's memory is free, of which LibTorch's C ABI does not tell.
#pragma once

#include <dlfcn.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace w2vbert::testing {

// Bytes that no process has taken, as the CUDA runtime says that came with LibTorch's CUDA library,
// which has been opened. Nothing if there is no such runtime or it does not tell.
inline std::optional<int64_t> free_device_memory(const std::string& torch_cuda, int32_t device) {
  void* const library = dlopen(torch_cuda.c_str(), RTLD_NOW | RTLD_NOLOAD);
  if (library == nullptr) return {};
  const auto set_device = reinterpret_cast<int (*)(int)>(dlsym(library, "cudaSetDevice"));
  const auto get_info =
      reinterpret_cast<int (*)(size_t*, size_t*)>(dlsym(library, "cudaMemGetInfo"));
  size_t free = 0;
  size_t total = 0;
  const bool told = set_device != nullptr && get_info != nullptr && set_device(device) == 0 &&
                    get_info(&free, &total) == 0;
  dlclose(library);
  if (!told) return {};
  return static_cast<int64_t>(free);
}

}  // namespace w2vbert::testing
