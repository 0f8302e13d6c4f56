// Wav2Vec2BertFeedForward: linear, activation, linear.
#pragma once

#include "w2vbert/modules/layers.h"
#include "w2vbert/modules/training_pass.h"

namespace w2vbert {

struct FeedForward {
  // `size` is the width of its input and output.
  FeedForward(const Scope& scope, const Config& config, int64_t size, Activation activation);
  Tensor operator()(const ops::LinearInput& x, const ops::LinearOutput& output,
                    TrainingPass* training) const;
  // The same for a reader of the result, see ops::linear.
  ops::LinearInput operator()(const ops::LinearInput& x, const ops::LinearOutput& output,
                              ops::LinearInput reader, TrainingPass* training) const;

  Linear intermediate_dense;
  Linear output_dense;
  Activation activation;
  double intermediate_dropout;
  double output_dropout;
};

}  // namespace w2vbert
