#include "w2vbert/modules/layers.h"

#include "w2vbert/torch/aten.h"

namespace w2vbert {

Linear::Linear(const Scope& scope, int64_t in, int64_t out, const Init& weight_init,
               const Init& bias_init)
    : Linear(scope.get_matrix("weight", {out, in}, weight_init),
             scope.get("bias", {out}, bias_init)) {}

Linear Linear::without_bias(const Scope& scope, int64_t in, int64_t out, const Init& weight_init) {
  return {scope.get_matrix("weight", {out, in}, weight_init), Tensor()};
}

Linear Linear::pointwise(const Scope& scope, int64_t in, int64_t out) {
  return {scope.get_matrix("weight", {out, in, 1}, Init::kaiming(in)), Tensor()};
}

LayerNorm::LayerNorm(const Scope& scope, int64_t size, double epsilon)
    : ops::NormParameters{scope.get("weight", {size}, Init::ones()),
                          scope.get("bias", {size}, Init::zeros()), epsilon} {}

Tensor zero_invalid_rows(Tensor x, const Tensor& valid) {
  return valid.defined() ? ops::normalize({x, nullptr, std::nullopt, valid}) : x;
}

}  // namespace w2vbert
