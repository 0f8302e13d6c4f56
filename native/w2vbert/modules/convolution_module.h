// Wav2Vec2BertConvolutionModule: the conformer's convolution block, with a causal depthwise
// convolution.
#pragma once

#include "w2vbert/modules/layers.h"
#include "w2vbert/modules/layout.h"
#include "w2vbert/modules/training_pass.h"

namespace w2vbert {

struct ConvolutionModule {
  ConvolutionModule(const Scope& scope, const Config& config);
  // The module and its residual connection: x [total_time, hidden] to the same shape. Rows that are
  // not valid count as zero.
  Tensor operator()(const Tensor& x, const Layout& layout, TrainingPass* training) const;

  LayerNorm layer_norm;
  Linear pointwise_conv1;
  Tensor depthwise_weight;  // [hidden, 1, kernel]
  LayerNorm depthwise_layer_norm;
  Linear pointwise_conv2;
  Activation activation;
  double output_dropout;
};

}  // namespace w2vbert
