#include "w2vbert/torch/aten.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "w2vbert/torch/c_abi.h"
#include "w2vbert/torch/device_memory.h"

namespace w2vbert::aten {
namespace {

template <typename T>
StableIValue bits(T value) {
  static_assert(sizeof(T) <= sizeof(StableIValue));
  StableIValue boxed = 0;
  std::memcpy(&boxed, &value, sizeof value);
  return boxed;
}

template <typename T>
StableIValue list(const std::vector<T>& values, StableIValue (*box)(const T&)) {
  TorchListOpaque* handle = nullptr;
  AOTITorchError error = torch_new_list_reserve_size(values.size(), &handle);
  for (size_t i = 0; error == 0 && i < values.size(); ++i) {
    error = torch_list_push_back(handle, box(values[i]));
  }
  if (error != 0) throw std::runtime_error("LibTorch could not make a list of arguments");
  return bits(handle);
}

constexpr int64_t kContiguousFormat = 0;

StableIValue box(const Argument& argument) {
  struct Visitor {
    StableIValue operator()(None) const { return 0; }
    StableIValue operator()(const Tensor& tensor) const { return bits(tensor.new_handle()); }
    StableIValue operator()(int64_t value) const { return bits(value); }
    StableIValue operator()(double value) const { return bits(value); }
    StableIValue operator()(bool value) const { return bits(value); }
    StableIValue operator()(DType value) const { return bits(static_cast<int32_t>(value)); }
    StableIValue operator()(const Shape& shape) const {
      return list<int64_t>(shape, [](const int64_t& value) { return bits(value); });
    }
    StableIValue operator()(const TensorList& tensors) const {
      return list<Tensor>(tensors, [](const Tensor& tensor) { return bits(tensor.new_handle()); });
    }
    StableIValue operator()(const std::string& text) const {
      TorchStringOpaque* handle = nullptr;
      if (torch_new_string_handle(text.data(), text.size(), &handle) != 0) {
        throw std::runtime_error("LibTorch could not make a string argument");
      }
      return bits(handle);
    }
  };
  return std::visit(Visitor{}, argument);
}

StableIValue box(const Boxable& argument) {
  if (std::holds_alternative<None>(argument.value)) return 0;
  const StableIValue value = box(argument.value);
  return argument.optional ? bits(new StableIValue(value)) : value;
}

std::string describe(const Argument& argument) {
  struct Visitor {
    std::string operator()(None) const { return "none"; }
    std::string operator()(const Tensor& tensor) const { return tensor.describe(); }
    std::string operator()(int64_t value) const { return std::to_string(value); }
    std::string operator()(double value) const { return std::to_string(value); }
    std::string operator()(bool value) const { return value ? "true" : "false"; }
    std::string operator()(DType value) const { return dtype_name(value); }
    std::string operator()(const Shape& shape) const { return shape_string(shape); }
    std::string operator()(const TensorList& tensors) const {
      std::string text = "[";
      for (const Tensor& tensor : tensors) {
        if (text.size() > 1) text += ", ";
        text += tensor.describe();
      }
      return text + "]";
    }
    std::string operator()(const std::string& text) const { return "'" + text + "'"; }
  };
  return std::visit(Visitor{}, argument);
}

Boxable optional(const Tensor& tensor) {
  if (!tensor.defined()) return {None{}};
  return {tensor, true};
}

void run(const char* op, const char* overload, std::vector<StableIValue>& stack,
         std::initializer_list<Boxable> arguments) {
  if (torch_call_dispatcher(op, overload, stack.data(), kTorchAbiVersion) == 0) return;
  DeviceMemory::end_call();
  std::string message = std::string(op) + " failed for (";
  for (const Boxable& argument : arguments) {
    if (message.back() != '(') message += ", ";
    message += describe(argument.value);
  }
  throw std::runtime_error(message + ")");
}

}  // namespace

std::vector<Tensor> call_many(const char* op, const char* overload,
                              std::initializer_list<Boxable> arguments, size_t results) {
  std::vector<StableIValue> stack;
  stack.reserve(std::max(arguments.size(), results));
  for (const Boxable& argument : arguments) stack.push_back(box(argument));
  stack.resize(std::max(arguments.size(), results));
  run(op, overload, stack, arguments);
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < results; ++i) {
    tensors.push_back(Tensor::adopt(reinterpret_cast<AtenTensorHandle>(stack[i])));
  }
  DeviceMemory::end_call();
  return tensors;
}

Tensor call(const char* op, const char* overload, std::initializer_list<Boxable> arguments) {
  return call_many(op, overload, arguments, 1)[0];
}

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return call("aten::linear", "", {{x}, {weight}, optional(bias)});
}

void linear_out(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& out) {
  call("aten::linear", "out", {{x}, {weight}, optional(bias), {out}});
}

void scaled_mm_out(const Tensor& a, const Tensor& b, const Tensor& a_scales, const Tensor& b_scales,
                   const Tensor& bias, const Tensor& out) {
  constexpr bool kFastAccumulation = false;  // of the tensor cores: in fewer bits than float32 has
  call("aten::_scaled_mm", "out",
       {{a},
        {b},
        {a_scales},
        {b_scales},
        optional(bias),
        {None{}},
        {out.dtype(), true},
        {kFastAccumulation},
        {out}});
}

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  return call("aten::layer_norm", "",
              {{x}, {Shape{x.size(-1)}}, optional(weight), optional(bias), {eps}, {false}});
}

Tensor matmul(const Tensor& a, const Tensor& b) { return call("aten::matmul", "", {{a}, {b}}); }

Tensor add(const Tensor& a, const Tensor& b, double alpha) {
  // aten::add takes a Scalar, which the boxed convention does not carry; this function does.
  AtenTensorHandle result = nullptr;
  if (aoti_torch_aten_subtract_Tensor(a.handle(), b.handle(), -alpha, &result) != 0) {
    throw std::runtime_error("aten::subtract failed for (" + a.describe() + ", " + b.describe() +
                             ", alpha " + std::to_string(-alpha) + ")");
  }
  return Tensor::adopt(result);
}

Tensor mul(const Tensor& a, const Tensor& b) { return call("aten::mul", "Tensor", {{a}, {b}}); }

Tensor div(const Tensor& a, const Tensor& b) { return call("aten::div", "Tensor", {{a}, {b}}); }

Tensor maximum(const Tensor& a, const Tensor& b) { return call("aten::maximum", "", {{a}, {b}}); }

Tensor sum(const Tensor& x, int64_t axis, bool keep) {
  return call("aten::sum", "dim_IntList", {{x}, {Shape{axis}, true}, {keep}, {None{}}});
}

Tensor mean(const Tensor& x, int64_t axis) {
  return call("aten::mean", "dim", {{x}, {Shape{axis}, true}, {false}, {None{}}});
}

Tensor unbiased_std(const Tensor& x, int64_t axis) {
  return call("aten::std", "dim", {{x}, {Shape{axis}, true}, {true}, {false}});
}

Tensor softmax(const Tensor& x, int64_t axis) {
  return call("aten::softmax", "int", {{x}, {axis}, {None{}}});
}

Tensor log_softmax(const Tensor& x, int64_t axis) {
  return call("aten::log_softmax", "int", {{x}, {axis}, {None{}}});
}

Tensor cross_entropy(const Tensor& logits, const Tensor& targets) {
  constexpr int64_t kMean = 1;  // LibTorch's number of the reduction
  return call("aten::cross_entropy_loss", "",
              {{logits}, {targets}, {None{}}, {kMean}, {int64_t{-100}}, {0.0}});
}

Tensor glu(const Tensor& x, int64_t axis) { return call("aten::glu", "", {{x}, {axis}}); }

Tensor reshape(const Tensor& x, const Shape& shape) {
  return call("aten::reshape", "", {{x}, {shape}});
}

Tensor transpose(const Tensor& x, int64_t axis0, int64_t axis1) {
  return call("aten::transpose", "int", {{x}, {axis0}, {axis1}});
}

Tensor contiguous(const Tensor& x) {
  if (x.is_contiguous()) return x;
  return call("aten::contiguous", "", {{x}, {kContiguousFormat}});
}

Tensor detach(const Tensor& x) { return call("aten::detach", "", {{x}}); }

void copy(const Tensor& to, const Tensor& from) {
  call("aten::copy_", "", {{to}, {from}, {false}});
}

Tensor clone(const Tensor& x) { return call("aten::clone", "", {{x}, {kContiguousFormat, true}}); }

Tensor view_as(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  return call("aten::view", "dtype", {{x}, {dtype}});
}

Tensor narrow(const Tensor& x, int64_t axis, int64_t start, int64_t length) {
  return call("aten::narrow", "", {{x}, {axis}, {start}, {length}});
}

Tensor index_select(const Tensor& x, int64_t axis, const Tensor& index) {
  return call("aten::index_select", "", {{x}, {axis}, {index}});
}

Tensor cat(const TensorList& parts, int64_t axis) {
  return call("aten::cat", "", {{parts}, {axis}});
}

Tensor masked_fill(const Tensor& x, const Tensor& mask, const Tensor& value) {
  return call("aten::masked_fill", "Tensor", {{x}, {mask}, {value}});
}

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  return call("aten::where", "self", {{condition}, {a}, {b}});
}

Tensor to(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  return call("aten::to", "dtype", {{x}, {dtype}, {false}, {false}, {None{}}});
}

Tensor pad_last(const Tensor& x, int64_t before, int64_t after) {
  return call("aten::pad", "", {{x}, {Shape{before, after}}, {std::string("constant")}, {None{}}});
}

Tensor unary(const char* op, const Tensor& x) { return call(op, "", {{x}}); }

Tensor gelu(const Tensor& x, const std::string& approximate) {
  return call("aten::gelu", "", {{x}, {approximate}});
}

void backward(const Tensor& output, const Tensor& gradient, bool keep) {
  call_many("aten::_backward", "",
            {{output}, {TensorList{}}, optional(gradient), {keep, true}, {false}}, 0);
}

}  // namespace w2vbert::aten
