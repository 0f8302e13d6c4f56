#include "w2vbert/torch/cuda_plugin.h"

#include <dlfcn.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

#include "w2vbert/torch/cuda_runtime.h"

namespace w2vbert {
namespace {

// The part of the driver's interface that is used here, as cuda.h declares it.
using CuResult = int;  // 0: success
using CuDevice = int;
constexpr CuResult kNoDevice = 100;
constexpr int kComputeCapabilityMajor = 75;
constexpr int kComputeCapabilityMinor = 76;

struct Close {
  void operator()(void* library) const { dlclose(library); }
};

std::string dl_error() {
  const char* error = dlerror();
  return error != nullptr ? error : "unknown error";
}

class DriverLibrary {
 public:
  explicit DriverLibrary(const std::string& path) : handle_(dlopen(path.c_str(), RTLD_NOW)) {}

  bool open() const { return handle_ != nullptr; }

  template <typename Function>
  Function* find(const char* name) const {
    void* address = dlsym(handle_.get(), name);
    if (address == nullptr) {
      throw std::runtime_error(std::string("the NVIDIA driver's library has no ") + name);
    }
    return reinterpret_cast<Function*>(address);
  }

  // Calls a function that must succeed.
  template <typename... Parameters, typename... Arguments>
  void call(const char* name, CuResult (*)(Parameters...), Arguments... arguments) const {
    const CuResult result = find<CuResult(Parameters...)>(name)(arguments...);
    if (result != 0) throw std::runtime_error(describe(name, result));
  }

  std::string describe(const char* name, CuResult result) const {
    const char* text = nullptr;
    find<CuResult(CuResult, const char**)>("cuGetErrorString")(result, &text);
    return std::string("the NVIDIA driver's ") + name +
           " failed: " + (text != nullptr ? text : "error " + std::to_string(result));
  }

  void keep() { handle_.release(); }

 private:
  std::unique_ptr<void, Close> handle_;
};

template <typename... Parameters>
using Signature = CuResult (*)(Parameters...);

CudaDeviceInfo device_info(const DriverLibrary& driver, int ordinal) {
  CuDevice device = 0;
  driver.call("cuDeviceGet", Signature<CuDevice*, int>(), &device, ordinal);
  char name[256] = {};
  driver.call("cuDeviceGetName", Signature<char*, int, CuDevice>(), name,
              static_cast<int>(sizeof name) - 1, device);
  CudaDeviceInfo info;
  info.name = name;
  size_t memory = 0;
  driver.call("cuDeviceTotalMem_v2", Signature<size_t*, CuDevice>(), &memory, device);
  info.memory = static_cast<int64_t>(memory);
  driver.call("cuDeviceGetAttribute", Signature<int*, int, CuDevice>(), &info.capability_major,
              kComputeCapabilityMajor, device);
  driver.call("cuDeviceGetAttribute", Signature<int*, int, CuDevice>(), &info.capability_minor,
              kComputeCapabilityMinor, device);
  return info;
}

int capability(const CudaDeviceInfo& device) {
  return 10 * device.capability_major + device.capability_minor;
}

void ask(const DriverLibrary& driver, CudaDriver& result) {
  driver.call("cuDriverGetVersion", Signature<int*>(), &result.version);
  if (result.version < kNeededCudaDriver) {
    result.problem = "the NVIDIA driver is too old: it supports CUDA " +
                     cuda_version_string(result.version) + ", and CUDA " +
                     cuda_version_string(kNeededCudaDriver) + " is needed";
    return;
  }
  const CuResult initialized = driver.find<CuResult(unsigned)>("cuInit")(0);
  int count = 0;
  if (initialized == 0) {
    driver.call("cuDeviceGetCount", Signature<int*>(), &count);
  } else if (initialized != kNoDevice) {
    throw std::runtime_error(driver.describe("cuInit", initialized));
  }
  if (count == 0) result.problem = "the NVIDIA driver finds no CUDA device";
  for (int i = 0; i < count; ++i) result.devices.push_back(device_info(driver, i));
  const bool usable = std::any_of(result.devices.begin(), result.devices.end(),
                                  [](const CudaDeviceInfo& d) { return capability(d) >= 80; });
  if (count > 0 && !usable) {
    const int found = capability(result.devices[0]);
    result.problem = "the CUDA device '" + result.devices[0].name +
                     "' is too old: it has compute " + "capability " + std::to_string(found / 10) +
                     "." + std::to_string(found % 10) + ", and 8.0 is needed";
  }
}

// Not closed again: LibTorch's registry refers to what is registered from it.
void* open_for_good(const char* what, const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_NODELETE);
  if (library == nullptr) {
    throw std::runtime_error(std::string(what) + " cannot be opened: " + dl_error());
  }
  return library;
}

}  // namespace

std::string cuda_version_string(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

CudaDriver cuda_driver(const std::string& library) {
  CudaDriver result;
  DriverLibrary driver(library);
  if (!driver.open()) {
    result.problem = "no NVIDIA driver was found: " + dl_error();
    return result;
  }
  try {
    ask(driver, result);
  } catch (const std::runtime_error& e) {
    result.problem = e.what();
  }
  // A driver that was initialised has threads: its code must stay.
  driver.keep();
  return result;
}

void open_cuda_plugin(const CudaDriver& driver, const std::string& torch_cuda,
                      const std::string& plugin) {
  if (!driver.problem.empty()) {
    throw std::runtime_error("CUDA cannot be used: " + driver.problem);
  }
  open_for_good("LibTorch's CUDA library", torch_cuda);
  void* library = open_for_good("the CUDA plug-in of w2vbert", plugin);
  void* address = dlsym(library, "w2vbert_cuda_registration_failure");
  if (address == nullptr) {
    throw std::runtime_error(plugin + " is not the CUDA plug-in of w2vbert");
  }
  const std::string failure = reinterpret_cast<const char* (*)()>(address)();
  if (!failure.empty()) {
    throw std::runtime_error("the CUDA plug-in of w2vbert does not fit LibTorch: " + failure);
  }
  void* runtime = dlsym(library, "w2vbert_cuda_runtime");
  if (runtime == nullptr) {
    throw std::runtime_error(plugin + " is of another version than this library");
  }
  use_cuda_runtime(reinterpret_cast<const CudaRuntimeTable* (*)()>(runtime)());
}

}  // namespace w2vbert
