#include "w2vbert/ops/activation.h"

#include <stdexcept>

#include "w2vbert/torch/aten.h"

namespace w2vbert::ops {

Tensor activate(Activation activation, const Tensor& x) {
  switch (activation) {
    case Activation::kGelu:
      return aten::gelu(x, "none");
    case Activation::kGeluTanh:
      return aten::gelu(x, "tanh");
    case Activation::kQuickGelu:
      return aten::mul(x, aten::unary("aten::sigmoid", aten::mul(x, Tensor::scalar(1.702))));
    case Activation::kRelu:
      return aten::unary("aten::relu", x);
    case Activation::kSelu:
      return aten::unary("aten::selu", x);
    case Activation::kSilu:
      return aten::unary("aten::silu", x);
    case Activation::kMish:
      return aten::unary("aten::mish", x);
    case Activation::kTanh:
      return aten::unary("aten::tanh", x);
    case Activation::kSigmoid:
      return aten::unary("aten::sigmoid", x);
  }
  throw std::logic_error("activation without a function");
}

}  // namespace w2vbert::ops
