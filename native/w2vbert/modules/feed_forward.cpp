#include "w2vbert/modules/feed_forward.h"

#include <utility>

namespace w2vbert {

FeedForward::FeedForward(const Scope& scope, const Config& config, int64_t size, Activation act)
    : intermediate_dense(scope / "intermediate_dense", size, config.intermediate_size,
                         Init::normal(config.initializer_range)),
      output_dense(scope / "output_dense", config.intermediate_size, size,
                   Init::normal(config.initializer_range)),
      activation(act),
      intermediate_dropout(config.activation_dropout),
      output_dropout(config.hidden_dropout) {}

Tensor FeedForward::operator()(const ops::LinearInput& x, const ops::LinearOutput& output,
                               TrainingPass* training) const {
  return (*this)(x, output, {}, training).x;
}

ops::LinearInput FeedForward::operator()(const ops::LinearInput& x, const ops::LinearOutput& output,
                                         ops::LinearInput reader, TrainingPass* training) const {
  const bool drops = training != nullptr && (intermediate_dropout > 0 || output_dropout > 0);
  if (!drops) {
    return ops::feed_forward(x, intermediate_dense, activation, output_dense, output,
                             std::move(reader));
  }
  const Tensor between =
      training->dropout(ops::linear(x, intermediate_dense, {activation}), intermediate_dropout);
  reader.x = ops::finish(training->dropout(output_dense(between), output_dropout), output);
  return reader;
}

}  // namespace w2vbert
