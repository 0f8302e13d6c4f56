#include "w2vbert/torch/tensor.h"

#include <charconv>
#include <cstring>
#include <stdexcept>

#include "w2vbert/torch/c_abi.h"
#include "w2vbert/torch/device_memory.h"

namespace w2vbert {
namespace {

void check(AOTITorchError error, const char* what) {
  if (error != 0) throw std::runtime_error(std::string("LibTorch could not ") + what);
}

Shape contiguous_strides(const Shape& shape) {
  Shape strides(shape.size());
  int64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    if (i > 0 && shape[i] > 0) stride *= shape[i];
  }
  return strides;
}

AtenTensorOpaque* require(const Tensor& tensor) {
  if (!tensor.defined()) throw std::logic_error("an undefined tensor has no properties");
  return tensor.handle();
}

template <typename T>
constexpr DType dtype_of();
template <>
constexpr DType dtype_of<uint8_t>() {
  return DType::kUInt8;
}
template <>
constexpr DType dtype_of<int32_t>() {
  return DType::kInt32;
}
template <>
constexpr DType dtype_of<int64_t>() {
  return DType::kInt64;
}
template <>
constexpr DType dtype_of<float>() {
  return DType::kFloat32;
}
template <>
constexpr DType dtype_of<double>() {
  return DType::kFloat64;
}
template <>
constexpr DType dtype_of<bool>() {
  return DType::kBool;
}

}  // namespace

std::string dtype_name(DType dtype) {
  switch (dtype) {
    case DType::kUInt8:
      return "uint8";
    case DType::kInt8:
      return "int8";
    case DType::kInt16:
      return "int16";
    case DType::kInt32:
      return "int32";
    case DType::kInt64:
      return "int64";
    case DType::kFloat16:
      return "float16";
    case DType::kFloat32:
      return "float32";
    case DType::kFloat64:
      return "float64";
    case DType::kBool:
      return "bool";
    case DType::kBFloat16:
      return "bfloat16";
    case DType::kFloat8:
      return "float8";
  }
  return "dtype " + std::to_string(static_cast<int32_t>(dtype));
}

int64_t dtype_size(DType dtype) {
  switch (dtype) {
    case DType::kUInt8:
    case DType::kInt8:
    case DType::kBool:
    case DType::kFloat8:
      return 1;
    case DType::kInt16:
    case DType::kFloat16:
    case DType::kBFloat16:
      return 2;
    case DType::kInt32:
    case DType::kFloat32:
      return 4;
    case DType::kInt64:
    case DType::kFloat64:
      return 8;
  }
  throw std::invalid_argument(dtype_name(dtype) + " has no known element size");
}

std::string shape_string(const Shape& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

Device Device::parse(const std::string& name) {
  const std::string cuda = "cuda";
  if (name == "cpu") return {};
  if (name == cuda) return {true, 0};
  Device device{true, 0};
  const std::string prefix = cuda + ":";
  if (name.compare(0, prefix.size(), prefix) == 0) {
    const char* const end = name.data() + name.size();
    const char* const first = name.data() + prefix.size();
    const auto [last, error] = std::from_chars(first, end, device.index);
    // LibTorch keeps the index in a byte.
    if (error == std::errc() && last == end && *first != '-' && device.index <= INT8_MAX) {
      return device;
    }
  }
  throw std::invalid_argument("the device is '" + name +
                              "'; expected 'cpu', 'cuda', or 'cuda:0' to 'cuda:127'");
}

std::string Device::name() const { return cuda ? "cuda:" + std::to_string(index) : "cpu"; }

Tensor Tensor::hold(AtenTensorOpaque* handle, std::shared_ptr<const void> holder) {
  Tensor tensor;
  tensor.handle_ = std::shared_ptr<AtenTensorOpaque>(
      handle,
      [holder = std::move(holder)](AtenTensorOpaque* h) { aoti_torch_delete_tensor_object(h); });
  return tensor;
}

Tensor Tensor::adopt(AtenTensorOpaque* handle) { return DeviceMemory::adopt(handle); }

Tensor Tensor::share(AtenTensorOpaque* handle) {
  AtenTensorHandle copy = nullptr;
  check(aoti_torch_new_tensor_handle(handle, &copy), "share a tensor");
  return adopt(copy);
}

Tensor Tensor::empty(const Shape& shape, DType dtype, const Device& device) {
  DeviceMemory* const memory = device.cuda ? DeviceMemory::serving(device) : nullptr;
  return memory != nullptr ? memory->empty(shape, dtype) : allocate(shape, dtype, device);
}

Tensor Tensor::allocate(const Shape& shape, DType dtype, const Device& device) {
  const Shape strides = contiguous_strides(shape);
  AtenTensorHandle handle = nullptr;
  const AOTITorchError error = aoti_torch_empty_strided(
      static_cast<int64_t>(shape.size()), shape.data(), strides.data(), static_cast<int32_t>(dtype),
      device.cuda ? aoti_torch_device_type_cuda() : aoti_torch_device_type_cpu(),
      device.cuda ? device.index : -1, &handle);
  if (error != 0) {
    throw std::runtime_error("LibTorch could not allocate a " + dtype_name(dtype) +
                             " tensor of shape " + shape_string(shape) +
                             (device.cuda ? " on " + device.name() : ""));
  }
  return hold(handle, nullptr);
}

Tensor Tensor::zeros(const Shape& shape, DType dtype, const Device& device) {
  Tensor tensor = empty(shape, dtype, device);
  if (device.cuda) {
    check(aoti_torch_zero_(tensor.handle()), "fill a tensor");
  } else if (tensor.numel() > 0) {
    std::memset(tensor.raw_data(), 0, static_cast<size_t>(tensor.numel() * dtype_size(dtype)));
  }
  return tensor;
}

Tensor Tensor::scalar(double value) {
  Tensor tensor = empty({}, DType::kFloat64);
  *tensor.data<double>() = value;
  return tensor;
}

Tensor Tensor::of(const std::vector<int64_t>& values) {
  Tensor tensor = empty({static_cast<int64_t>(values.size())}, DType::kInt64);
  if (!values.empty()) {
    std::memcpy(tensor.raw_data(), values.data(), values.size() * sizeof(int64_t));
  }
  return tensor;
}

Tensor Tensor::of(const std::vector<float>& values, const Shape& shape) {
  Tensor tensor = empty(shape, DType::kFloat32);
  if (tensor.numel() != static_cast<int64_t>(values.size())) {
    throw std::invalid_argument(std::to_string(values.size()) + " values do not fill the shape " +
                                shape_string(shape));
  }
  if (!values.empty()) {
    std::memcpy(tensor.raw_data(), values.data(), values.size() * sizeof(float));
  }
  return tensor;
}

Tensor Tensor::from_blob(void* data, const Shape& shape, DType dtype,
                         std::shared_ptr<const void> owner) {
  const Shape strides = contiguous_strides(shape);
  AtenTensorHandle handle = nullptr;
  check(aoti_torch_create_tensor_from_blob(data, static_cast<int64_t>(shape.size()), shape.data(),
                                           strides.data(), 0, static_cast<int32_t>(dtype),
                                           aoti_torch_device_type_cpu(), -1, &handle),
        "wrap memory as a tensor");
  return hold(handle, std::move(owner));
}

AtenTensorOpaque* Tensor::new_handle() const {
  AtenTensorHandle copy = nullptr;
  check(aoti_torch_new_tensor_handle(require(*this), &copy), "share a tensor");
  return copy;
}

Shape Tensor::shape() const {
  int64_t* sizes = nullptr;
  check(aoti_torch_get_sizes(require(*this), &sizes), "read a shape");
  return Shape(sizes, sizes + dim());
}

int64_t Tensor::dim() const {
  int64_t dim = 0;
  check(aoti_torch_get_dim(require(*this), &dim), "read a dimension count");
  return dim;
}

int64_t Tensor::size(int64_t axis) const {
  const int64_t dims = dim();
  const int64_t index = axis < 0 ? axis + dims : axis;
  if (index < 0 || index >= dims) {
    throw std::invalid_argument("axis " + std::to_string(axis) + " does not exist in " +
                                describe());
  }
  int64_t* sizes = nullptr;
  check(aoti_torch_get_sizes(handle(), &sizes), "read a shape");
  return sizes[index];
}

int64_t Tensor::stride(int64_t axis) const {
  size(axis);  // checks the axis
  int64_t* strides = nullptr;
  check(aoti_torch_get_strides(handle(), &strides), "read strides");
  return strides[axis < 0 ? axis + dim() : axis];
}

int64_t Tensor::numel() const {
  int64_t numel = 0;
  check(aoti_torch_get_numel(require(*this), &numel), "count elements");
  return numel;
}

DType Tensor::dtype() const {
  int32_t dtype = 0;
  check(aoti_torch_get_dtype(require(*this), &dtype), "read a dtype");
  return static_cast<DType>(dtype);
}

bool Tensor::is_cpu() const {
  int32_t device = 0;
  check(aoti_torch_get_device_type(require(*this), &device), "read a device");
  return device == aoti_torch_device_type_cpu();
}

Device Tensor::device() const {
  if (is_cpu()) return {};
  int32_t type = 0;
  int32_t index = 0;
  check(aoti_torch_get_device_type(handle(), &type), "read a device");
  check(aoti_torch_get_device_index(handle(), &index), "read a device");
  if (type != aoti_torch_device_type_cuda()) {
    throw std::logic_error("a tensor is on LibTorch's device type " + std::to_string(type));
  }
  return {true, index};
}

Tensor Tensor::to(const Device& device) const {
  if (!defined() || this->device() == device) return *this;
  const Tensor copy = empty(shape(), dtype(), device);
  // Memory of the host is pageable: it is read before this returns, though nothing waits for the
  // device.
  check(aoti_torch_copy_(copy.handle(), handle(), is_cpu() ? 1 : 0), "copy between devices");
  return copy;
}

bool Tensor::is_contiguous() const {
  bool contiguous = false;
  check(aoti_torch_is_contiguous(require(*this), &contiguous), "read a layout");
  return contiguous;
}

std::string Tensor::describe() const {
  if (!defined()) return "undefined";
  const std::string text = dtype_name(dtype()) + " " + shape_string(shape());
  if (is_cpu()) return text;
  int32_t type = 0;
  check(aoti_torch_get_device_type(handle(), &type), "read a device");
  return text + " on " +
         (type == aoti_torch_device_type_cuda() ? device().name() : "another device");
}

void* Tensor::raw_data() const {
  void* data = nullptr;
  check(aoti_torch_get_data_ptr(require(*this), &data), "reach a tensor's memory");
  return data;
}

template <typename T>
T* Tensor::data() const {
  if (dtype() != dtype_of<T>() || !is_cpu()) {
    throw std::invalid_argument("expected " + dtype_name(dtype_of<T>()) + " on the CPU, got " +
                                describe());
  }
  return static_cast<T*>(raw_data());
}
template uint8_t* Tensor::data<uint8_t>() const;
template int32_t* Tensor::data<int32_t>() const;
template int64_t* Tensor::data<int64_t>() const;
template float* Tensor::data<float>() const;
template double* Tensor::data<double>() const;
template bool* Tensor::data<bool>() const;

void Tensor::set_requires_grad(bool requires_grad) const {
  check(torch_set_requires_grad(require(*this), requires_grad), "mark a tensor for gradients");
}

void Tensor::assign(const Tensor& other) const {
  check(aoti_torch_assign_tensors(require(other), require(*this)), "assign a tensor");
}

GradMode::GradMode(bool enabled) : before_(aoti_torch_grad_mode_is_enabled()) {
  aoti_torch_grad_mode_set_enabled(enabled);
}

GradMode::~GradMode() { aoti_torch_grad_mode_set_enabled(before_); }

bool GradMode::enabled() { return aoti_torch_grad_mode_is_enabled(); }

}  // namespace w2vbert
