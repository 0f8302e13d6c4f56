#include "w2vbert/modules/feature_projection.h"

namespace w2vbert {

FeatureProjection::FeatureProjection(const Scope& scope, const Config& config)
    : layer_norm(scope / "layer_norm", config.feature_projection_input_dim, config.layer_norm_eps),
      projection(scope / "projection", config.feature_projection_input_dim, config.hidden_size,
                 Init::fan_in_uniform(config.feature_projection_input_dim),
                 Init::fan_in_uniform(config.feature_projection_input_dim)),
      output_dropout(config.feat_proj_dropout) {}

FeatureProjection::Output FeatureProjection::operator()(const Tensor& features,
                                                        TrainingPass* training) const {
  const Tensor normed = layer_norm(features);
  return {dropout(training, projection(normed), output_dropout), normed};
}

}  // namespace w2vbert
