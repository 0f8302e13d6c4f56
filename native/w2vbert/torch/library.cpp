#include "w2vbert/torch/library.h"

#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

#include "w2vbert/torch/c_abi.h"

namespace w2vbert {
namespace {

constexpr const char* kNamespace = "w2vbert";

void check(AOTITorchError error, const char* what, const char* name) {
  if (error != 0) {
    throw std::runtime_error(std::string("LibTorch could not ") + what + " w2vbert::" + name);
  }
}

// The library objects are never deleted: deleting one would take its operators away.
void define(const char* schema, const char* name) {
  TorchLibraryOpaque* definition = nullptr;
  check(aoti_torch_library_init_fragment(kNamespace, __FILE__, __LINE__, &definition),
        "open the namespace of", name);
  check(aoti_torch_library_def(definition, schema), "define", name);
}

void register_kernels(const char* name, std::initializer_list<KernelRegistration> kernels) {
  for (const KernelRegistration& kernel : kernels) {
    TorchLibraryOpaque* implementation = nullptr;
    check(aoti_torch_library_init_impl(kNamespace, kernel.dispatch_key, __FILE__, __LINE__,
                                       &implementation),
          "open the dispatch key of", name);
    check(torch_library_impl(implementation, name, kernel.kernel, kTorchAbiVersion), "register",
          name);
  }
}

std::string& first_failure() {
  static std::string failure;
  return failure;
}

template <typename Register>
void remember_failure(const char* name, const Register& attempt) {
  try {
    attempt();
  } catch (const std::exception& e) {
    if (first_failure().empty()) first_failure() = e.what();
  } catch (...) {
    if (first_failure().empty()) first_failure() = std::string("unknown failure for ") + name;
  }
}

}  // namespace

OperatorRegistration::OperatorRegistration(const char* schema, const char* name,
                                           std::initializer_list<KernelRegistration> kernels) {
  remember_failure(name, [&] {
    define(schema, name);
    register_kernels(name, kernels);
  });
}

KernelRegistrations::KernelRegistrations(const char* name,
                                         std::initializer_list<KernelRegistration> kernels) {
  remember_failure(name, [&] { register_kernels(name, kernels); });
}

std::string registration_failure() { return first_failure(); }

std::string libtorch_version() {
  const uint64_t version = aoti_torch_abi_version();  // one byte each: major, minor, patch
  return std::to_string(version >> 56) + "." + std::to_string(version >> 48 & 0xff) + "." +
         std::to_string(version >> 40 & 0xff);
}

namespace boxing {

Tensor take_tensor(uint64_t value) {
  return Tensor::adopt(reinterpret_cast<AtenTensorHandle>(value));
}

OptionalTensor take_optional_tensor(uint64_t value) {
  if (value == 0) return std::nullopt;
  const std::unique_ptr<StableIValue> boxed_value(reinterpret_cast<StableIValue*>(value));
  return take_tensor(*boxed_value);
}

uint64_t give_tensor(const Tensor& tensor) {
  return reinterpret_cast<uint64_t>(tensor.new_handle());
}

double Unbox<double>::from(uint64_t value) {
  double result;
  std::memcpy(&result, &value, sizeof result);
  return result;
}

}  // namespace boxing
}  // namespace w2vbert
