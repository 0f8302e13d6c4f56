// The activations that a configuration can name.
#pragma once

#include "w2vbert/torch/tensor.h"

namespace w2vbert {

// The reference knows several functions by more than one name; names are case-sensitive.
enum class Activation {
  kGelu,       // "gelu", "gelu_python": x Phi(x), exact
  kGeluTanh,   // "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "gelu_accurate": tanh approximation
  kQuickGelu,  // "quick_gelu": x sigmoid(1.702 x)
  kRelu,       // "relu"
  kSelu,       // "selu": in the reference's documentation, though its code refuses it
  kSilu,       // "swish", "silu": x sigmoid(x)
  kMish,       // "mish": x tanh(softplus(x))
  kTanh,       // "tanh"
  kSigmoid,    // "sigmoid"
};

namespace ops {

Tensor activate(Activation activation, const Tensor& x);

}  // namespace ops
}  // namespace w2vbert
