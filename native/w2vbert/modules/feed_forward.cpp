#include "w2vbert/modules/feed_forward.h"

namespace w2vbert {

FeedForward::FeedForward(const Scope& scope, const Config& config, int64_t size, Activation act)
    : intermediate_dense(scope / "intermediate_dense", size, config.intermediate_size,
                         Init::normal(config.initializer_range)),
      output_dense(scope / "output_dense", config.intermediate_size, size,
                   Init::normal(config.initializer_range)),
      activation(act) {}

Tensor FeedForward::operator()(const Tensor& x) const {
  return by_row_tiles(x, [this](const Tensor& tile) {
    return output_dense(activate(activation, intermediate_dense(tile)));
  });
}

}  // namespace w2vbert
