#include "w2vbert/modules/encoder.h"

#include <string>
#include <utility>

#include "w2vbert/ops/cuda_operators.h"
#include "w2vbert/torch/aten.h"

namespace w2vbert {

Encoder::Encoder(const Scope& scope, const Config& config)
    : position_embeddings(config.position_embeddings_type),
      relative_positions(std::make_unique<RelativePositionTables>()),
      hidden_size(config.hidden_size),
      hidden_dropout(config.hidden_dropout),
      layerdrop(config.layerdrop) {
  for (int64_t i = 0; i < config.num_hidden_layers; ++i) {
    layers.emplace_back(scope / "layers" / std::to_string(i), config);
  }
}

Encoder::Output Encoder::operator()(Tensor x, const Layout& layout, const Request& request,
                                    TrainingPass* training) const {
  Tensor positions;
  if (position_embeddings == PositionEmbeddings::kRelative) {
    positions = relative_positions->get(layout.longest(), hidden_size, x.device(), x.dtype());
  }
  Output output{zero_invalid_rows(std::move(x), layout.valid), {}, {}};
  if (training != nullptr) {
    output.hidden = training->dropout(output.hidden, hidden_dropout);
  }
  Tensor sum;
  const auto add_to_sum = [&](int64_t index) {
    if (!request.layer_weights.defined()) return;
    // The weights belong to the head: they learn even if the encoder is frozen.
    const GradMode mode(GradMode::enabled() || training != nullptr);
    const Tensor term = aten::mul(output.hidden, aten::narrow(request.layer_weights, 0, index, 1));
    const bool fused = sum.defined() && ops::has_cuda_operators(term);
    sum = !sum.defined() ? term
          : fused        ? ops::finish(term, {std::nullopt, sum})
                         : aten::add(sum, term);
  };
  add_to_sum(0);
  if (request.hidden_states) output.hidden_states.push_back(output.hidden);
  const size_t count = request.layers < 0 ? layers.size() : static_cast<size_t>(request.layers);
  for (size_t i = 0; i < count; ++i) {
    if (training == nullptr) {
      EncoderLayer::Output layer =
          layers[i](std::move(output.hidden), layout, positions, request.attentions, nullptr);
      output.hidden = layer.hidden;
      if (request.attentions) output.attentions.push_back(layer.weights);
    } else if (!training->drops_layer(layerdrop)) {
      output.hidden = training->run_layer(
          output.hidden, [&layer = layers[i], layout, positions, training](const Tensor& rows) {
            return layer(rows, layout, positions, false, training).hidden;
          });
    }
    if (request.hidden_states) output.hidden_states.push_back(output.hidden);
    add_to_sum(static_cast<int64_t>(i) + 1);
  }
  if (sum.defined()) output.hidden = sum;
  return output;
}

}  // namespace w2vbert
