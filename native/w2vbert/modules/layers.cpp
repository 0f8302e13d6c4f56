#include "w2vbert/modules/layers.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "w2vbert/ops/linear.h"
#include "w2vbert/torch/aten.h"

namespace w2vbert {

Linear::Linear(const Scope& scope, int64_t in, int64_t out, const Init& weight_init,
               const Init& bias_init)
    : weight(scope.get("weight", {out, in}, weight_init)),
      bias(scope.get("bias", {out}, bias_init)) {}

Linear Linear::without_bias(const Scope& scope, int64_t in, int64_t out, const Init& weight_init) {
  Linear linear;
  linear.weight = scope.get("weight", {out, in}, weight_init);
  return linear;
}

Linear Linear::pointwise(const Scope& scope, int64_t in, int64_t out) {
  Linear linear;
  linear.weight = scope.get("weight", {out, in, 1}, Init::kaiming(in));
  return linear;
}

Tensor Linear::operator()(const Tensor& x) const { return ops::linear(x, weight, bias); }

LayerNorm::LayerNorm(const Scope& scope, int64_t size, double epsilon)
    : weight(scope.get("weight", {size}, Init::ones())),
      bias(scope.get("bias", {size}, Init::zeros())),
      eps(epsilon) {}

Tensor LayerNorm::operator()(const Tensor& x) const {
  return aten::layer_norm(x, weight, bias, eps);
}

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

Tensor by_row_tiles(const Tensor& x, const std::function<Tensor(const Tensor&)>& f) {
  constexpr int64_t kTile = 1024;  // rows: enough for matrix products at full speed
  const int64_t rows = x.size(0);
  if (GradMode::enabled() || rows <= kTile) return f(x);
  Tensor result;
  for (int64_t begin = 0; begin < rows; begin += kTile) {
    const int64_t count = std::min(kTile, rows - begin);
    const Tensor tile = aten::contiguous(f(aten::narrow(x, 0, begin, count)));
    if (!result.defined()) result = Tensor::empty({rows, tile.size(1)}, tile.dtype());
    const int64_t width = tile.size(1);
    std::memcpy(result.data<float>() + begin * width, tile.data<float>(),
                static_cast<size_t>(count * width) * sizeof(float));
  }
  return result;
}

Tensor zero_invalid_rows(const Tensor& x, const Tensor& valid) {
  if (!valid.defined()) return x;
  const Tensor row_valid = aten::reshape(valid, {-1, 1});
  return aten::where(row_valid, x, aten::to(Tensor::scalar(0), x.dtype()));
}

}  // namespace w2vbert
