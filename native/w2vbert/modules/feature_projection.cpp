#include "w2vbert/modules/feature_projection.h"

namespace w2vbert {

FeatureProjection::FeatureProjection(const Scope& scope, const Config& config)
    : layer_norm(scope / "layer_norm", config.feature_projection_input_dim, config.layer_norm_eps),
      projection(scope / "projection", config.feature_projection_input_dim, config.hidden_size,
                 Init::fan_in_uniform(config.feature_projection_input_dim),
                 Init::fan_in_uniform(config.feature_projection_input_dim)) {}

FeatureProjection::Output FeatureProjection::operator()(const Tensor& features) const {
  const Tensor normed = layer_norm(features);
  return {projection(normed), normed};
}

}  // namespace w2vbert
