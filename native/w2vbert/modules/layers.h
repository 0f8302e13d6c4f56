// The two elementary layers, and the activations that a configuration can name.
#pragma once

#include <cstdint>
#include <functional>

#include "w2vbert/models/config.h"
#include "w2vbert/modules/parameters.h"
#include "w2vbert/torch/tensor.h"

namespace w2vbert {

// x @ weight^T + bias over the last axis.
struct Linear {
  Linear(const Scope& scope, int64_t in, int64_t out, const Init& weight_init,
         const Init& bias_init = Init::zeros());
  static Linear without_bias(const Scope& scope, int64_t in, int64_t out, const Init& weight_init);
  // A Conv1d of kernel 1 without bias: its weight is [out, in, 1] in checkpoints.
  static Linear pointwise(const Scope& scope, int64_t in, int64_t out);

  Tensor operator()(const Tensor& x) const;

  Tensor weight;  // [out, in] or [out, in, 1]
  Tensor bias;    // [out] or undefined

 private:
  Linear() = default;
};

// Normalises the last axis.
struct LayerNorm {
  LayerNorm(const Scope& scope, int64_t size, double eps);
  Tensor operator()(const Tensor& x) const;

  Tensor weight;  // [size]
  Tensor bias;    // [size]
  double eps;
};

Tensor activate(Activation activation, const Tensor& x);

// f(x) for an f that treats every row alone. Without gradients it is computed in tiles of rows, so
// that what is wide inside f stays small however long the audio is.
Tensor by_row_tiles(const Tensor& x, const std::function<Tensor(const Tensor&)>& f);

// Rows that are not valid become zero; x itself if all are.
Tensor zero_invalid_rows(const Tensor& x, const Tensor& valid);

}  // namespace w2vbert
