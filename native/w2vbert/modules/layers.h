// The two elementary layers.
#pragma once

#include <cstdint>

#include "w2vbert/models/config.h"
#include "w2vbert/modules/parameters.h"
#include "w2vbert/ops/linear.h"
#include "w2vbert/torch/tensor.h"

namespace w2vbert {

// x @ weight^T + bias over the last axis.
struct Linear : ops::LinearParameters {
  Linear(const Scope& scope, int64_t in, int64_t out, const Init& weight_init,
         const Init& bias_init = Init::zeros());
  static Linear without_bias(const Scope& scope, int64_t in, int64_t out, const Init& weight_init);
  // A Conv1d of kernel 1 without bias: its weight is [out, in, 1] in checkpoints.
  static Linear pointwise(const Scope& scope, int64_t in, int64_t out);

  Tensor operator()(const Tensor& x) const { return ops::linear({x}, *this); }

 private:
  Linear(const Matrix& matrix, const Tensor& offset)
      : ops::LinearParameters{matrix.values, offset, matrix.scales} {}
};

// Normalises the last axis.
struct LayerNorm : ops::NormParameters {
  LayerNorm(const Scope& scope, int64_t size, double eps);

  Tensor operator()(const Tensor& x) const { return ops::normalize({x, this}); }
};

// Rows that are not valid become zero; x itself if all are.
Tensor zero_invalid_rows(Tensor x, const Tensor& valid);

}  // namespace w2vbert
