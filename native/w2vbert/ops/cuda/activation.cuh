// The activations that a configuration can name, see w2vbert/ops/activation.h, of one float.
#pragma once

#include "w2vbert/ops/cuda/device.cuh"

namespace w2vbert::cuda {

enum class Activation : int {
  kNone,
  kGelu,
  kGeluTanh,
  kQuickGelu,
  kRelu,
  kSelu,
  kSilu,
  kMish,
  kTanh,
  kSigmoid,
};

W2VBERT_DEVICE float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

W2VBERT_DEVICE float activate(Activation activation, float x) {
  switch (activation) {
    case Activation::kNone:
      break;
    case Activation::kGelu:
      return 0.5f * x * (1.0f + erff(x * 0.70710678f));
    case Activation::kGeluTanh:
      return 0.5f * x * (1.0f + tanhf(0.79788456f * (x + 0.044715f * x * x * x)));
    case Activation::kQuickGelu:
      return x * sigmoid(1.702f * x);
    case Activation::kRelu:
      return x > 0.0f || x != x ? x : 0.0f;  // NaN stays NaN
    case Activation::kSelu:
      return 1.05070099f * (x > 0.0f || x != x ? x : 1.67326324f * expm1f(x));
    case Activation::kSilu:
      return x * sigmoid(x);
    case Activation::kMish:
      // softplus(x), without overflow where it is x.
      return x * tanhf(x > 20.0f ? x : log1pf(expf(x)));
    case Activation::kTanh:
      return tanhf(x);
    case Activation::kSigmoid:
      return sigmoid(x);
  }
  return x;
}

}  // namespace w2vbert::cuda
