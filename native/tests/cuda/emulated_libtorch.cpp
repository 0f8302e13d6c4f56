#include "cuda/emulated_libtorch.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "cuda/emulated_device.h"
#include "cuda/emulated_stream.h"
#include "w2vbert/torch/aten.h"
#include "w2vbert/torch/c_abi.h"
#include "w2vbert/torch/device_memory.h"
#include "w2vbert/torch/library.h"
#include "w2vbert/torch/tensor.h"

extern "C" {
// Of libtorch_cpu.so; only tests use them.
int32_t aoti_torch_device_type_meta();
AOTITorchError torch_delete_list(TorchListOpaque* list);

// Of libtorch_cuda.so, what the plug-in uses.
AOTITorchError aoti_torch_create_cuda_guard(int32_t, void** result) {
  *result = nullptr;
  return 0;
}
AOTITorchError aoti_torch_delete_cuda_guard(void*) { return 0; }
AOTITorchError aoti_torch_get_current_cuda_stream(int32_t, void** result) {
  *result = w2vbert::cuda::emulated::current_stream();
  return 0;
}
AOTITorchError aoti_torch_create_cuda_stream_guard(void* stream, int32_t, void** before) {
  *before = w2vbert::cuda::emulated::exchange_stream(static_cast<CUstream_st*>(stream));
  return 0;
}
AOTITorchError aoti_torch_delete_cuda_stream_guard(void* before) {
  w2vbert::cuda::emulated::exchange_stream(static_cast<CUstream_st*>(before));
  return 0;
}
}

namespace w2vbert::emulated_libtorch {
namespace stream = w2vbert::cuda::emulated;

// c10::Device
struct DeviceBytes {
  int8_t type;
  int8_t index;
};

// void c10::TensorImpl::_change_backend_component_keys(c10::Device)
void change_backend(void* tensor_impl, DeviceBytes device) asm(
    "_ZN3c1010TensorImpl30_change_backend_component_keysENS_6DeviceE");

constexpr DeviceBytes kCpu{0, -1};
constexpr DeviceBytes kCuda{1, 0};

// What of a c10::IValue is looked at.
struct Value {
  void* payload;  // of a tensor, a c10::TensorImpl
  int32_t tag;
  int32_t padding;
};
constexpr int32_t kTensorTag = 1;

// The beginning of a c10::OperatorHandle's OperatorDef.
struct OperatorName {
  std::string name;
  std::string overload;
};
struct OperatorHandle {
  const OperatorName* definition;
  const void* position;  // in the dispatcher's list
};
using Stack = std::vector<Value>;

// void at::native::cpu_fallback(const c10::OperatorHandle&, torch::jit::Stack*, bool
// error_on_views, c10::DispatchKey)
void cpu_fallback(const OperatorHandle& op, Stack* stack, bool error_on_views, uint16_t key) asm(
    "_ZN2at6native12cpu_fallbackERKN3c1014OperatorHandleEPSt6vectorINS1_6IValueESaIS6_EEbNS1_"
    "11DispatchKeyE");
// c10::DispatchKey c10::parseDispatchKey(const std::string&)
uint16_t parse_dispatch_key(const std::string& name) asm(
    "_ZN3c1016parseDispatchKeyERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE");
// c10::Dispatcher& c10::Dispatcher::realSingleton()
void* dispatcher() asm("_ZN3c1010Dispatcher13realSingletonEv");

// The beginning of a c10::KernelFunction; of what follows, zeros are nothing.
struct KernelFunction {
  void* functor = nullptr;
  void (*boxed)(void*, const OperatorHandle&, uint64_t, Stack*) = nullptr;
  void* rest[14] = {};
};

// c10::RegistrationHandleRAII c10::Dispatcher::registerFallback(c10::DispatchKey,
// c10::KernelFunction, std::string), with its hidden arguments: the result, and what is passed by
// value as addresses.
void register_fallback(void* result, void* dispatcher, uint16_t key, KernelFunction* kernel, std::string* debug) asm(
    "_ZN3c1010Dispatcher16registerFallbackENS_11DispatchKeyENS_14KernelFunctionENSt7__"
    "cxx1112basic_stringIcSt11char_traitsIcESaIcEEE");

// std::optional<c10::impl::CppSignature>
struct NoSignature {
  void* type = nullptr;
  bool has_value = false;
};
// c10::RegistrationHandleRAII c10::Dispatcher::registerImpl(c10::OperatorName,
// std::optional<c10::DispatchKey>, c10::KernelFunction, std::optional<c10::impl::CppSignature>,
// std::unique_ptr<c10::FunctionSchema>, std::string), in the same way. Of the key the lower half is
// the number, and the next bit says that there is one.
void register_kernel(void* result, void* dispatcher, OperatorName* name, uint32_t key, KernelFunction* kernel, NoSignature signature, void** no_schema, std::string* debug) asm(
    "_ZN3c1010Dispatcher12registerImplENS_12OperatorNameESt8optionalINS_11DispatchKey"
    "EENS_14KernelFunctionES2_INS_4impl12CppSignatureEESt10unique_ptrINS_14FunctionSc"
    "hemaESt14default_deleteISA_EENSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEE"
    "E");

// c10::impl::DeviceGuardImplInterface of the one device, which has one stream: what autograd's
// engine asks for. A function of an earlier or later version of the interface has another place
// in the table, which therefore says twice how many devices there are.
class DeviceGuard {
 public:
  struct Stream {
    DeviceBytes device;
    int64_t id;
  };

  virtual int8_t type() const { return kCuda.type; }
  virtual DeviceBytes exchange_device(DeviceBytes) const { return kCuda; }
  virtual DeviceBytes device() const { return kCuda; }
  virtual void set_device(DeviceBytes) const {}
  virtual void unchecked_set_device(DeviceBytes) const {}
  virtual Stream stream(DeviceBytes) const { return {kCuda, 0}; }
  virtual Stream default_stream(DeviceBytes) const { return {kCuda, 0}; }
  virtual Stream pool_stream(DeviceBytes, bool) const { return {kCuda, 0}; }
  virtual Stream new_stream(DeviceBytes, int) const { return {kCuda, 0}; }
  virtual Stream exchange_stream(Stream) const { return {kCuda, 0}; }
  virtual void unused0() const { refuse(); }
  virtual void unused1() const { refuse(); }
  virtual void unused2() const { refuse(); }
  virtual void unused3() const { refuse(); }
  virtual int8_t count() const { return 1; }
  virtual int8_t count_in_later_versions() const { return 1; }

 protected:
  ~DeviceGuard() = default;

 private:
  [[noreturn]] static void refuse() {
    throw std::runtime_error("the emulated device has no events");
  }
};

// void c10::impl::registerDeviceGuard(c10::DeviceType, const DeviceGuardImplInterface*)
void register_device_guard(int8_t type, const DeviceGuard* guard) asm(
    "_ZN3c104impl19registerDeviceGuardENS_10DeviceTypeEPKNS0_24DeviceGuardImplInterfaceE");

// What autograd's engine asks before it computes on a device: every function of this
// at::CUDAHooksInterface says yes.
struct CudaHooks {
  void* const* functions;
};
int64_t yes() { return 1; }

const CudaHooks& make_hooks() {
  static void* functions[256];
  for (void*& function : functions) function = reinterpret_cast<void*>(&yes);
  static const CudaHooks hooks{functions};
  return hooks;
}

// const at::CUDAHooksInterface& at::detail::getCUDAHooks(), for the whole program in place of
// LibTorch's own.
__attribute__((visibility("default"))) const CudaHooks& cuda_hooks() asm(
    "_ZN2at6detail12getCUDAHooksEv");
const CudaHooks& cuda_hooks() {
  static const CudaHooks& hooks = make_hooks();
  return hooks;
}

namespace {

std::atomic<int64_t> wait_count{0};
std::atomic<int64_t> allocation_count{0};
std::atomic<int64_t> captured_allocation_count{0};
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
constexpr char kTensor = 't';  // must be on the device
constexpr char kDevice = 'd';  // an optional device, which becomes none: the CPU

uint64_t on_host(const char* op, char kind, uint64_t value) {
  switch (kind) {
    case kTensor: {
      const Tensor tensor = boxing::take_tensor(value);
      if (!on_device(tensor)) {
        throw std::runtime_error(std::string(op) + " got " + tensor.describe() + " on the CPU");
      }
      return give(host_alias(tensor));
    }
    case kDevice:
      delete reinterpret_cast<StableIValue*>(value);
      return 0;
    default:
      return value;
  }
}

// ATen's operator for the CPU, on the device's memory, whose result lies in that memory or in new
// one. `Op` names it, with a letter for every argument.
template <typename Op>
void run_on_host(uint64_t* stack, uint64_t arguments, uint64_t) {
  const std::string name = std::string("aten::") + Op::kName;
  std::vector<StableIValue> host(arguments);
  for (size_t i = 0; i < arguments; ++i) {
    host[i] = on_host(name.c_str(), Op::kArguments[i], stack[i]);
  }
  if (torch_call_dispatcher(name.c_str(), Op::kOverload, host.data(), kTorchAbiVersion) != 0) {
    throw std::runtime_error(name + " failed on the CPU");
  }
  const Tensor result = Tensor::adopt(reinterpret_cast<AtenTensorHandle>(host[0]));
  check_memory(result);
  if (name.rfind("aten::empty", 0) == 0 && result.numel() > 0) {
    ++allocation_count;
    if (stream::capturing()) ++captured_allocation_count;
  }
  set_device(result, kCuda);
  stack[0] = give(result);
}

// Whether the thread is inside fall_back, whose copies are not those of a program.
thread_local bool falling_back = false;

void copy_values(const Tensor& to, const Tensor& from) {
  if (stream::capturing() && !falling_back) {
    if (!on_device(to) || !on_device(from)) {
      throw std::runtime_error("a copy between the host and the device while a stream is captured");
    }
    const DeviceMemory::Use nothing(nullptr);  // as on a GPU, a graph keeps no memory
    const Tensor kept_to = Tensor::share(to.handle());
    const Tensor kept_from = Tensor::share(from.handle());
    stream::capture(stream::current_stream(), [=] { copy_values(kept_to, kept_from); });
    return;
  }
  if (!on_device(to) && !falling_back) ++wait_count;
  const Tensor host_to = on_device(to) ? host_alias(to) : to;
  const Tensor host_from = on_device(from) ? host_alias(from) : from;
  if (aoti_torch_copy_(host_to.handle(), host_from.handle(), 0) != 0) {
    throw std::runtime_error("copy_ failed on the CPU");
  }
}

// copy_(Tensor(a!) self, Tensor src, bool non_blocking): between the sides, too.
void copy(uint64_t* stack, uint64_t, uint64_t) {
  const Tensor to = boxing::take_tensor(stack[0]);
  copy_values(to, boxing::take_tensor(stack[1]));
  stack[0] = give(to);
}

// _copy_from_and_resize(Tensor self, Tensor dst): how LibTorch's fallback writes to its arguments.
void copy_back(uint64_t* stack, uint64_t, uint64_t) {
  const Tensor from = boxing::take_tensor(stack[0]);
  const Tensor to = boxing::take_tensor(stack[1]);
  if (to.shape() != from.shape()) {
    set_device(to, kCpu);
    aten::call("aten::resize_", "", {{to}, {from.shape()}, {aten::None{}}});
    set_device(to, kCuda);
  }
  copy_values(to, from);
  stack[0] = give(to);
}

void require_for_scaled_mm(bool condition, const char* what) {
  if (!condition) throw std::runtime_error(std::string("_scaled_mm takes ") + what);
}

// _scaled_mm.out(Tensor self, Tensor mat2, Tensor scale_a, Tensor scale_b, Tensor? bias, Tensor?
// scale_result, ScalarType? out_dtype, bool use_fast_accum, *, Tensor(a!) out), with scales of rows
// and columns, which LibTorch's for the CPU does not have: in float64, of what a GPU takes. On
// compute capability 11.0 and more LibTorch 2.10 fails; on 8.9 it does nothing, unless it was built
// for 8.6, too.
void scaled_mm(uint64_t* stack, uint64_t, uint64_t) {
  const Tensor a = boxing::take_tensor(stack[0]);
  const Tensor b = boxing::take_tensor(stack[1]);
  const Tensor a_scales = boxing::take_tensor(stack[2]);
  const Tensor b_scales = boxing::take_tensor(stack[3]);
  const OptionalTensor bias = boxing::take_optional_tensor(stack[4]);
  const OptionalTensor result_scale = boxing::take_optional_tensor(stack[5]);
  const std::unique_ptr<StableIValue> dtype(reinterpret_cast<StableIValue*>(stack[6]));
  const Tensor out = boxing::take_tensor(stack[8]);
  const int64_t rows = a.size(0);
  const int64_t in = a.size(1);
  const int64_t columns = b.size(1);
  require_for_scaled_mm(cuda::compute_capability() < 110, "a device of compute capability 10.x");
  require_for_scaled_mm(a.dtype() == DType::kFloat8 && b.dtype() == DType::kFloat8, "float8");
  require_for_scaled_mm(a.is_contiguous() && b.stride(0) == 1 && b.stride(1) == in,
                        "rows and columns that are contiguous");
  require_for_scaled_mm(b.size(0) == in && in % 16 == 0 && columns % 16 == 0,
                        "multiples of 16 columns");
  for (const Tensor& scales : {a_scales, b_scales}) {
    require_for_scaled_mm(scales.dtype() == DType::kFloat32 && scales.is_contiguous(),
                          "scales that are float32 and contiguous");
  }
  require_for_scaled_mm(a_scales.shape() == Shape{rows, 1} && b_scales.shape() == Shape{1, columns},
                        "a scale for each row and column");
  require_for_scaled_mm(
      !bias || (bias->dtype() == DType::kBFloat16 && bias->shape() == Shape{columns}),
      "a bias in bfloat16");
  require_for_scaled_mm(!result_scale, "no scale of the result");
  require_for_scaled_mm(out.dtype() == DType::kBFloat16 && out.shape() == Shape{rows, columns} &&
                            dtype != nullptr && static_cast<DType>(*dtype) == DType::kBFloat16,
                        "a result in bfloat16");
  for (const Tensor& tensor : {a, b, a_scales, b_scales, out, bias ? *bias : out}) {
    require_for_scaled_mm(on_device(tensor), "tensors on the device");
  }
  if (cuda::compute_capability() == 89) {
    stack[0] = give(out);
    return;
  }
  const DeviceMemory::Use nothing(nullptr);  // as on a GPU, a graph keeps no memory
  const auto work =
      [a = Tensor::share(a.handle()), b = Tensor::share(b.handle()),
       a_scales = Tensor::share(a_scales.handle()), b_scales = Tensor::share(b_scales.handle()),
       offset = bias ? Tensor::share(bias->handle()) : Tensor(), to = Tensor::share(out.handle())] {
        const auto precise = [](const Tensor& tensor) {
          return aten::to(host_alias(tensor), DType::kFloat64);
        };
        const Tensor product = aten::matmul(aten::mul(precise(a), precise(a_scales)),
                                            aten::mul(precise(b), precise(b_scales)));
        copy_values(to, offset.defined() ? aten::add(product, precise(offset)) : product);
      };
  if (!stream::capture(stream::current_stream(), work)) work();
  stack[0] = give(out);
}

// _use_cudnn_ctc_loss.Tensor(Tensor log_probs, Tensor targets, Tensor input_lengths, Tensor
// target_lengths, int blank) -> bool, which ATen asks on a GPU: its own kernel is to compute.
void no_cudnn(uint64_t* stack, uint64_t, uint64_t) {
  for (int i = 0; i < 4; ++i) boxing::take_tensor(stack[i]);
  stack[0] = 0;
}

// The same with int[] input_lengths and target_lengths.
void no_cudnn_for_lists(uint64_t* stack, uint64_t, uint64_t) {
  for (int i = 0; i < 2; ++i) boxing::take_tensor(stack[i]);
  for (int i = 2; i < 4; ++i) torch_delete_list(reinterpret_cast<TorchListOpaque*>(stack[i]));
  stack[0] = 0;
}

void add(const char* name, BoxedKernel kernel) {
  TorchLibraryOpaque* library = nullptr;  // never deleted: that would take the kernel away
  if (aoti_torch_library_init_impl("aten", "CUDA", __FILE__, __LINE__, &library) != 0 ||
      torch_library_impl(library, name, kernel, kTorchAbiVersion) != 0) {
    throw std::runtime_error(std::string("LibTorch took no kernel of aten::") + name);
  }
}

template <typename Op>
void add() {
  const std::string overload = Op::kOverload;
  add((Op::kName + (overload.empty() ? "" : "." + overload)).c_str(), &run_on_host<Op>);
}

#define W2VBERT_OPERATOR(type, name, overload, arguments) \
  struct type {                                           \
    static constexpr const char* kName = name;            \
    static constexpr const char* kOverload = overload;    \
    static constexpr const char* kArguments = arguments;  \
  }
W2VBERT_OPERATOR(AsStrided, "as_strided", "", "t...");
W2VBERT_OPERATOR(Empty, "empty", "memory_format", "...d..");
W2VBERT_OPERATOR(EmptyStrided, "empty_strided", "", "....d.");
W2VBERT_OPERATOR(ReshapeAlias, "_reshape_alias", "", "t..");
W2VBERT_OPERATOR(UnsafeView, "_unsafe_view", "", "t.");
W2VBERT_OPERATOR(View, "view", "", "t.");
W2VBERT_OPERATOR(ViewAsType, "view", "dtype", "t.");
#undef W2VBERT_OPERATOR

// Operators for which the host waits for what the device computes.
bool waits_for(const std::string& op) {
  return op == "aten::_local_scalar_dense" || op == "aten::nonzero" || op == "aten::masked_select";
}

// As LibTorch checks it for a GPU: all tensors are there, but for numbers.
void check_devices(const std::string& op, const Stack& arguments) {
  bool any = false;
  const Value* stranger = nullptr;
  for (const Value& value : arguments) {
    // An at::Tensor is the address of its c10::TensorImpl.
    const auto handle = reinterpret_cast<AtenTensorHandle>(const_cast<void**>(&value.payload));
    bool defined = false;
    if (value.tag != kTensorTag || aoti_torch_is_defined(handle, &defined) != 0 || !defined) {
      continue;
    }
    const Tensor tensor = Tensor::share(handle);
    if (on_device(tensor)) {
      any = true;
    } else if (tensor.dim() > 0) {
      stranger = &value;
    }
  }
  if (any && stranger != nullptr) {
    throw std::runtime_error(op + " got a tensor on the CPU with tensors on a CUDA device");
  }
}

// ATen's operator for the CPU, on copies of its arguments.
void compute(const OperatorHandle& op, Stack* stack) {
  const bool before = falling_back;
  falling_back = true;
  try {
    cpu_fallback(op, stack, true, parse_dispatch_key("CPU"));
  } catch (...) {
    falling_back = before;
    throw;
  }
  falling_back = before;
}

// A value of a stack that outlives it.
struct Kept {
  Value value;
  Tensor tensor;  // what it refers to, if it is one
};

Kept keep(const std::string& op, const Value& value) {
  if (value.tag == kTensorTag) {
    const auto handle = reinterpret_cast<AtenTensorHandle>(const_cast<void**>(&value.payload));
    return {value, Tensor::share(handle)};
  }
  // Nothing, double, int, bool: a number in the value itself.
  for (const int32_t tag : {0, 3, 5, 10}) {
    if (value.tag == tag) return {value, Tensor()};
  }
  throw std::runtime_error(op + " is captured with an argument of kind " +
                           std::to_string(value.tag));
}

Value again(const Kept& kept) {
  if (!kept.tensor.defined()) return kept.value;
  // The stack takes over the reference, not the memory of the handle.
  AtenTensorOpaque* const handle = kept.tensor.new_handle();
  const Value value{*reinterpret_cast<void**>(handle), kTensorTag, 0};
  ::operator delete(handle);
  return value;
}

// The tensor that a value of a stack owns.
Tensor take(const Value& value) {
  auto* const handle = static_cast<void**>(::operator new(sizeof(void*)));
  *handle = value.payload;
  return Tensor::adopt(reinterpret_cast<AtenTensorHandle>(handle));
}

// Operators that are not above. In a capture the results, of which only the memory is of use, are
// those that every launch of the graph writes.
void fall_back(void*, const OperatorHandle& op, uint64_t, Stack* stack) {
  const std::string& name = op.definition->name;
  if (name.rfind("aten::", 0) != 0) throw std::runtime_error(name + " has no kernel for CUDA");
  check_devices(name, *stack);
  if (waits_for(name)) {
    if (stream::capturing()) throw std::runtime_error(name + " while a stream is captured");
    ++wait_count;
  }
  if (!stream::capturing()) {
    ++allocation_count;
    compute(op, stack);
    return;
  }
  const DeviceMemory::Use nothing(nullptr);  // as on a GPU, a graph keeps no memory
  std::vector<Kept> arguments;
  for (const Value& value : *stack) arguments.push_back(keep(name, value));
  compute(op, stack);
  std::vector<Kept> results;
  for (const Value& value : *stack) results.push_back(keep(name, value));
  const bool in_place = std::any_of(arguments.begin(), arguments.end(), [&](const Kept& kept) {
    return kept.tensor.defined() && !results.empty() &&
           kept.tensor.raw_data() == results[0].tensor.raw_data();
  });
  if (!in_place) ++captured_allocation_count;
  stream::capture(stream::current_stream(), [op, arguments, results] {
    Stack values;
    for (const Kept& kept : arguments) values.push_back(again(kept));
    compute(op, &values);
    for (size_t i = 0; i < results.size(); ++i) {
      const Tensor result = take(values[i]);
      if (result.raw_data() != results[i].tensor.raw_data()) copy_values(results[i].tensor, result);
    }
  });
}

class OneDevice final : public DeviceGuard {};

void register_all() {
  static const OneDevice guard;
  register_device_guard(kCuda.type, &guard);
  add("copy_", &copy);
  add("_copy_from_and_resize", &copy_back);
  add("_scaled_mm.out", &scaled_mm);
  add("_use_cudnn_ctc_loss", &no_cudnn_for_lists);
  add("_use_cudnn_ctc_loss.Tensor", &no_cudnn);
  add<AsStrided>();
  add<Empty>();
  add<EmptyStrided>();
  add<ReshapeAlias>();
  add<UnsafeView>();
  add<View>();
  add<ViewAsType>();
  // Never destroyed, as the libraries above.
  static void* registrations[3][16];
  const auto kernel = [] {
    KernelFunction function;
    function.boxed = &fall_back;
    return function;
  };
  const uint16_t cuda = parse_dispatch_key("CUDA");
  std::string origin = "w2vbert's emulated device";
  KernelFunction for_all = kernel();
  register_fallback(registrations[0], dispatcher(), cuda, &for_all, &origin);
  // ATen chooses a library for these before it asks for an operator.
  const char* const names[] = {"aten::convolution", "aten::convolution_backward"};
  for (int i = 0; i < 2; ++i) {
    OperatorName name{names[i], ""};
    std::string same_origin = "w2vbert's emulated device";
    KernelFunction function = kernel();
    void* no_schema = nullptr;
    register_kernel(registrations[i + 1], dispatcher(), &name, cuda | uint32_t{1} << 16, &function,
                    {}, &no_schema, &same_origin);
  }
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

int64_t waits() { return wait_count + stream::stream_waits(); }

int64_t allocations() { return allocation_count; }

int64_t allocations_in_captures() { return captured_allocation_count; }

void set_largest_allocation(int64_t bytes) { largest_allocation = bytes; }

}  // namespace w2vbert::emulated_libtorch
