// Wav2Vec2BertFeatureProjection: mel features to the width of the encoder.
#pragma once

#include "w2vbert/modules/layers.h"
#include "w2vbert/modules/training_pass.h"

namespace w2vbert {

struct FeatureProjection {
  struct Output {
    Tensor hidden;    // [total_time, hidden]
    Tensor features;  // [total_time, feature_projection_input_dim]: normed, not projected
  };

  FeatureProjection(const Scope& scope, const Config& config);
  // features [total_time, feature_projection_input_dim]
  Output operator()(const Tensor& features, TrainingPass* training) const;

  LayerNorm layer_norm;
  Linear projection;
  double output_dropout;
};

}  // namespace w2vbert
