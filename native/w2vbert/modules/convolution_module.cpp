#include "w2vbert/modules/convolution_module.h"

#include <utility>

#include "w2vbert/ops/causal_depthwise_conv1d.h"
#include "w2vbert/torch/aten.h"

namespace w2vbert {

ConvolutionModule::ConvolutionModule(const Scope& scope, const Config& config)
    : layer_norm(scope / "layer_norm", config.hidden_size, config.layer_norm_eps),
      pointwise_conv1(
          Linear::pointwise(scope / "pointwise_conv1", config.hidden_size, 2 * config.hidden_size)),
      depthwise_weight((scope / "depthwise_conv")
                           .get("weight",
                                {config.hidden_size, 1, config.conv_depthwise_kernel_size},
                                Init::kaiming(config.conv_depthwise_kernel_size))),
      depthwise_layer_norm(scope / "depthwise_layer_norm", config.hidden_size,
                           config.layer_norm_eps),
      // Its input is mostly positive, so that errors of weights do not average out.
      pointwise_conv2(Linear::pointwise(scope.sensitive() / "pointwise_conv2", config.hidden_size,
                                        config.hidden_size)),
      activation(config.hidden_act),
      output_dropout(config.conformer_conv_dropout) {}

ops::LinearInput ConvolutionModule::operator()(const ops::LinearInput& rows, const Layout& layout,
                                               ops::LinearInput next,
                                               TrainingPass* training) const {
  // Composites of training read the offsets on the host.
  const Tensor offsets = training == nullptr ? layout.offsets_tensor : Tensor::of(layout.offsets);
  const Tensor y =
      ops::gated_causal_depthwise_conv1d(rows, pointwise_conv1, depthwise_weight, offsets);
  const ops::LinearInput convolved{y, &depthwise_layer_norm, activation};
  if (training == nullptr) {
    return ops::linear(convolved, pointwise_conv2, {std::nullopt, rows.x}, std::move(next));
  }
  next.x = ops::finish(training->dropout(ops::linear(convolved, pointwise_conv2), output_dropout),
                       {std::nullopt, rows.x});
  return next;
}

}  // namespace w2vbert
