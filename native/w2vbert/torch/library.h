// Registers C++ functions as LibTorch operators, callable from every language that LibTorch serves.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "w2vbert/torch/tensor.h"

namespace w2vbert {

// Schema and kernels live until the process ends. Example, at namespace scope:
//   const OperatorRegistration registration{"twice(Tensor x) -> Tensor",
//                                           "twice",
//                                           {{"CPU", boxed<&twice>}, {"Autograd", boxed<&twice>}}};
// The functions take `const Tensor&` (`const OptionalTensor&` where the schema says `Tensor?`),
// int64_t, double and bool. They return a Tensor or a tuple of Tensors.
using BoxedKernel = void (*)(uint64_t* stack, uint64_t arguments, uint64_t results);

struct KernelRegistration {
  const char* dispatch_key;
  BoxedKernel kernel;
};

// A failure (two copies of this library in one process, say, when both want to define the same
// operator) does not throw, since this runs while the library is being loaded:
// registration_failure() tells of the first. Calls through the C++ functions work all the same.
class OperatorRegistration {
 public:
  OperatorRegistration(const char* schema, const char* name,
                       std::initializer_list<KernelRegistration> kernels);
};

// Kernels of an operator that another library defines, now or later.
class KernelRegistrations {
 public:
  KernelRegistrations(const char* name, std::initializer_list<KernelRegistration> kernels);
};

// Empty if every operator of this library could be registered.
std::string registration_failure();

// The version of the LibTorch that is loaded, such as "2.10.0".
std::string libtorch_version();

using OptionalTensor = std::optional<Tensor>;

namespace boxing {

Tensor take_tensor(uint64_t value);
OptionalTensor take_optional_tensor(uint64_t value);
uint64_t give_tensor(const Tensor& tensor);

template <typename T>
struct Unbox;
template <>
struct Unbox<const Tensor&> {
  static Tensor from(uint64_t value) { return take_tensor(value); }
};
template <>
struct Unbox<const OptionalTensor&> {
  static OptionalTensor from(uint64_t value) { return take_optional_tensor(value); }
};
template <>
struct Unbox<int64_t> {
  static int64_t from(uint64_t value) { return static_cast<int64_t>(value); }
};
template <>
struct Unbox<bool> {
  static bool from(uint64_t value) { return (value & 0xff) != 0; }
};
template <>
struct Unbox<double> {
  static double from(uint64_t value);
};

inline void give(const Tensor& result, uint64_t* stack) { stack[0] = give_tensor(result); }
template <typename... Results>
void give(const std::tuple<Results...>& results, uint64_t* stack) {
  std::apply([&](const auto&... result) { ((*stack++ = give_tensor(result)), ...); }, results);
}

template <auto function, typename Result, typename... Args, size_t... I>
void call(Result (*)(Args...), uint64_t* stack, std::index_sequence<I...>) {
  // Unboxed into a tuple first: the boxed tensors are ours to free even if the function throws.
  std::tuple<decltype(Unbox<Args>::from(0))...> arguments{Unbox<Args>::from(stack[I])...};
  give(function(std::get<I>(arguments)...), stack);
}

template <auto function, typename Result, typename... Args>
void call(Result (*pointer)(Args...), uint64_t* stack) {
  call<function>(pointer, stack, std::index_sequence_for<Args...>());
}

}  // namespace boxing

// `function` with its arguments and results in boxed form.
template <auto function>
void boxed(uint64_t* stack, uint64_t, uint64_t) {
  boxing::call<function>(function, stack);
}

}  // namespace w2vbert
