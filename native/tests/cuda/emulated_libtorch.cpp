#include "cuda/emulated_libtorch.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/c_abi.h"
#include "w2vbert/torch/library.h"
#include "w2vbert/torch/tensor.h"

extern "C" {
// Of libtorch_cpu.so; only tests use them.
int32_t aoti_torch_device_type_meta();
AOTITorchError torch_list_size(TorchListOpaque* list, uint64_t* size);
AOTITorchError torch_list_get_item(TorchListOpaque* list, uint64_t index, StableIValue* element);
AOTITorchError torch_delete_list(TorchListOpaque* list);

// Of libtorch_cuda.so, what torch/cuda.cpp uses.
AOTITorchError aoti_torch_create_cuda_guard(int32_t, void** result) {
  *result = nullptr;
  return 0;
}
AOTITorchError aoti_torch_delete_cuda_guard(void*) { return 0; }
AOTITorchError aoti_torch_get_current_cuda_stream(int32_t, void** result) {
  *result = nullptr;
  return 0;
}
}

namespace w2vbert::emulated_libtorch {
// c10::Device
struct DeviceBytes {
  int8_t type;
  int8_t index;
};

// void c10::TensorImpl::_change_backend_component_keys(c10::Device)
void change_backend(void* tensor_impl, DeviceBytes device) asm(
    "_ZN3c1010TensorImpl30_change_backend_component_keysENS_6DeviceE");

namespace {

constexpr DeviceBytes kCpu{0, -1};
constexpr DeviceBytes kCuda{1, 0};

std::atomic<int64_t> wait_count{0};
std::atomic<int64_t> largest_allocation{-1};

char* impl_of(const Tensor& tensor) { return *reinterpret_cast<char**>(tensor.handle()); }

// Where a c10::TensorImpl keeps its device, of which no function tells: a tensor without memory
// differs there from one on the CPU.
size_t find_device_bytes() {
  const int64_t size = 1;
  AtenTensorHandle handle = nullptr;
  if (aoti_torch_empty_strided(1, &size, &size, static_cast<int32_t>(DType::kFloat32),
                               aoti_torch_device_type_meta(), -1, &handle) != 0) {
    throw std::runtime_error("LibTorch made no tensor without memory");
  }
  const Tensor meta = Tensor::adopt(handle);
  const Tensor cpu = Tensor::empty({1}, DType::kFloat32);
  const auto type = static_cast<char>(aoti_torch_device_type_meta());
  constexpr size_t kSizeOfImpl = 192;
  for (size_t i = sizeof(void*); i + 3 <= kSizeOfImpl; ++i) {
    const char* const a = impl_of(cpu) + i;
    const char* const b = impl_of(meta) + i;
    if (a[0] == kCpu.type && b[0] == type && a[1] == kCpu.index && a[2] == 1 && b[2] == 1) return i;
  }
  throw std::runtime_error("this LibTorch keeps the device of a tensor where it is not looked for");
}

void set_device(const Tensor& tensor, DeviceBytes device) {
  static const size_t place = find_device_bytes();
  change_backend(impl_of(tensor), device);
  std::memcpy(impl_of(tensor) + place, &device, sizeof device);
}

bool on_device(const Tensor& tensor) { return !tensor.is_cpu(); }

// The same memory for operators of the CPU.
Tensor host_alias(const Tensor& tensor) {
  const Tensor alias = aten::call("aten::alias", "", {{tensor}});
  set_device(alias, kCpu);
  return alias;
}

uint64_t give(const Tensor& tensor) { return reinterpret_cast<uint64_t>(tensor.new_handle()); }

void check_memory(const Tensor& tensor) {
  const int64_t bytes = tensor.numel() * dtype_size(tensor.dtype());
  if (largest_allocation >= 0 && bytes > largest_allocation) {
    throw std::runtime_error("out of memory (emulated)");
  }
}

// What an operator does with an argument.
constexpr char kTensor = 't';    // must be on the device
constexpr char kNumber = 'n';    // a tensor there, or on the CPU without dimensions
constexpr char kOptional = 'o';  // a tensor there, or none
constexpr char kList = 'l';      // of tensors there
constexpr char kDevice = 'd';    // an optional device, which becomes none: the CPU

uint64_t on_host(const char* op, char kind, uint64_t value) {
  const auto alias = [&](const Tensor& tensor) {
    if (on_device(tensor)) return host_alias(tensor);
    if (kind == kNumber && tensor.dim() == 0) return tensor;
    throw std::runtime_error(std::string(op) + " got " + tensor.describe() +
                             " on the CPU with tensors on a CUDA device");
  };
  switch (kind) {
    case kTensor:
    case kNumber:
      return give(alias(boxing::take_tensor(value)));
    case kOptional: {
      const OptionalTensor tensor = boxing::take_optional_tensor(value);
      if (!tensor) return 0;
      return reinterpret_cast<uint64_t>(new StableIValue(give(alias(*tensor))));
    }
    case kList: {
      auto* const list = reinterpret_cast<TorchListOpaque*>(value);
      uint64_t size = 0;
      TorchListOpaque* result = nullptr;
      AOTITorchError error = torch_list_size(list, &size);
      if (error == 0) error = torch_new_list_reserve_size(size, &result);
      for (uint64_t i = 0; error == 0 && i < size; ++i) {
        StableIValue item = 0;
        error = torch_list_get_item(list, i, &item);
        if (error != 0) break;
        error = torch_list_push_back(result, give(alias(boxing::take_tensor(item))));
      }
      torch_delete_list(list);
      if (error != 0) throw std::runtime_error(std::string(op) + " got no list of tensors");
      return reinterpret_cast<uint64_t>(result);
    }
    case kDevice:
      delete reinterpret_cast<StableIValue*>(value);
      return 0;
    default:
      return value;
  }
}

// ATen's operator for the CPU, on the device's memory. `Op` names it, with a letter for every
// argument.
template <typename Op>
void run_on_host(uint64_t* stack, uint64_t arguments, uint64_t results) {
  const std::string name = std::string("aten::") + Op::kName;
  std::vector<StableIValue> host(std::max(arguments, results));
  for (size_t i = 0; i < arguments; ++i) {
    host[i] = on_host(name.c_str(), Op::kArguments[i], stack[i]);
  }
  if (torch_call_dispatcher(name.c_str(), Op::kOverload, host.data(), kTorchAbiVersion) != 0) {
    throw std::runtime_error(name + " failed on the CPU");
  }
  for (size_t i = 0; i < results; ++i) {
    const Tensor result = Tensor::adopt(reinterpret_cast<AtenTensorHandle>(host[i]));
    check_memory(result);
    set_device(result, kCuda);
    stack[i] = give(result);
  }
}

// copy_(Tensor(a!) self, Tensor src, bool non_blocking): between the sides, too.
void copy(uint64_t* stack, uint64_t, uint64_t) {
  const Tensor to = boxing::take_tensor(stack[0]);
  const Tensor from = boxing::take_tensor(stack[1]);
  if (!on_device(to)) ++wait_count;
  const Tensor host_to = on_device(to) ? host_alias(to) : to;
  const Tensor host_from = on_device(from) ? host_alias(from) : from;
  if (aoti_torch_copy_(host_to.handle(), host_from.handle(), 0) != 0) {
    throw std::runtime_error("copy_ failed on the CPU");
  }
  stack[0] = give(to);
}

// An operator that changes its first argument and returns it.
template <typename Op>
void run_in_place(uint64_t* stack, uint64_t arguments, uint64_t) {
  const std::string name = std::string("aten::") + Op::kName;
  const Tensor self = boxing::take_tensor(stack[0]);
  std::vector<StableIValue> host(arguments);
  host[0] = give(host_alias(self));
  for (size_t i = 1; i < arguments; ++i) {
    host[i] = on_host(name.c_str(), Op::kArguments[i], stack[i]);
  }
  if (torch_call_dispatcher(name.c_str(), Op::kOverload, host.data(), kTorchAbiVersion) != 0) {
    throw std::runtime_error(name + " failed on the CPU");
  }
  boxing::take_tensor(host[0]);
  stack[0] = give(self);
}

void add(const char* name, BoxedKernel kernel) {
  TorchLibraryOpaque* library = nullptr;  // never deleted: that would take the kernel away
  if (aoti_torch_library_init_impl("aten", "CUDA", __FILE__, __LINE__, &library) != 0 ||
      torch_library_impl(library, name, kernel, kTorchAbiVersion) != 0) {
    throw std::runtime_error(std::string("LibTorch took no kernel of aten::") + name);
  }
}

template <typename Op>
void add(BoxedKernel kernel = &run_on_host<Op>) {
  const std::string overload = Op::kOverload;
  add((Op::kName + (overload.empty() ? "" : "." + overload)).c_str(), kernel);
}

#define W2VBERT_OPERATOR(type, name, overload, arguments) \
  struct type {                                           \
    static constexpr const char* kName = name;            \
    static constexpr const char* kOverload = overload;    \
    static constexpr const char* kArguments = arguments;  \
  }
W2VBERT_OPERATOR(AsStrided, "as_strided", "", "t...");
W2VBERT_OPERATOR(Cat, "cat", "", "l.");
W2VBERT_OPERATOR(Empty, "empty", "memory_format", "...d..");
W2VBERT_OPERATOR(EmptyStrided, "empty_strided", "", "....d.");
W2VBERT_OPERATOR(Glu, "glu", "", "t.");
W2VBERT_OPERATOR(IndexSelect, "index_select", "", "t.t");
W2VBERT_OPERATOR(MaskedFill, "masked_fill_", "Tensor", "ttn");
// Of addmm, which linear is on a GPU, the C ABI cannot carry the scalars; nor of std.correction.
W2VBERT_OPERATOR(Linear, "linear", "", "tto");
W2VBERT_OPERATOR(LogicalNot, "logical_not", "", "t");
W2VBERT_OPERATOR(Mean, "mean", "dim", "t...");
W2VBERT_OPERATOR(Mm, "mm", "", "tt");
W2VBERT_OPERATOR(Mul, "mul", "Tensor", "nn");
W2VBERT_OPERATOR(Softmax, "_softmax", "", "t..");
W2VBERT_OPERATOR(Std, "std", "dim", "t...");
W2VBERT_OPERATOR(UnsafeView, "_unsafe_view", "", "t.");
W2VBERT_OPERATOR(View, "view", "", "t.");
W2VBERT_OPERATOR(Where, "where", "self", "ttt");
W2VBERT_OPERATOR(Zero, "zero_", "", "t");
#undef W2VBERT_OPERATOR

void register_all() {
  add("copy_", &copy);
  add<AsStrided>();
  add<Cat>();
  add<Empty>();
  add<EmptyStrided>();
  add<Glu>();
  add<IndexSelect>();
  add<Linear>();
  add<LogicalNot>();
  add<MaskedFill>(&run_in_place<MaskedFill>);
  add<Mean>();
  add<Mm>();
  add<Mul>();
  add<Softmax>();
  add<Std>();
  add<UnsafeView>();
  add<View>();
  add<Where>();
  add<Zero>(&run_in_place<Zero>);
}

}  // namespace

void install() {
  static const bool done = [] {
    register_all();
    const Tensor tensor = Tensor::zeros({2}, DType::kFloat32, {true, 0});
    if (tensor.device() != Device{true, 0}) {
      throw std::runtime_error("LibTorch made a tensor of " + tensor.device().name());
    }
    return true;
  }();
  static_cast<void>(done);
}

int64_t waits() { return wait_count; }

void set_largest_allocation(int64_t bytes) { largest_allocation = bytes; }

}  // namespace w2vbert::emulated_libtorch
