// Wav2Vec2BertConvolutionModule: the conformer's convolution block, with a causal depthwise
// convolution.
#pragma once

#include "w2vbert/modules/layers.h"
#include "w2vbert/modules/layout.h"
#include "w2vbert/modules/training_pass.h"

namespace w2vbert {

struct ConvolutionModule {
  ConvolutionModule(const Scope& scope, const Config& config);
  // What the module reads: rows that are not valid count as zero.
  ops::LinearInput reader(const Layout& layout) const {
    return {Tensor(), &layer_norm, std::nullopt, layout.valid};
  }
  // The module and its residual connection: x [total_time, hidden] of a reader() to the same shape,
  // for `next`, the reader of the result, see ops::linear.
  ops::LinearInput operator()(const ops::LinearInput& rows, const Layout& layout,
                              ops::LinearInput next, TrainingPass* training) const;

  LayerNorm layer_norm;
  Linear pointwise_conv1;
  Tensor depthwise_weight;  // [hidden, 1, kernel]
  LayerNorm depthwise_layer_norm;
  Linear pointwise_conv2;
  Activation activation;
  double output_dropout;
};

}  // namespace w2vbert
