#include "w2vbert/modules/encoder.h"

#include <string>
#include <utility>

#include "w2vbert/torch/aten.h"

namespace w2vbert {

Encoder::Encoder(const Scope& scope, const Config& config)
    : position_embeddings(config.position_embeddings_type), hidden_size(config.hidden_size) {
  for (int64_t i = 0; i < config.num_hidden_layers; ++i) {
    layers.emplace_back(scope / "layers" / std::to_string(i), config);
  }
}

Encoder::Output Encoder::operator()(Tensor x, const Layout& layout, const Request& request) const {
  Tensor positions;
  if (position_embeddings == PositionEmbeddings::kRelative) {
    positions = relative_position_table(layout.longest(), hidden_size);
  }
  Output output{zero_invalid_rows(std::move(x), layout.valid), {}, {}};
  Tensor sum;
  const auto add_to_sum = [&](int64_t index) {
    if (!request.layer_weights.defined()) return;
    const Tensor term = aten::mul(output.hidden, aten::narrow(request.layer_weights, 0, index, 1));
    sum = sum.defined() ? aten::add(sum, term) : term;
  };
  add_to_sum(0);
  if (request.hidden_states) output.hidden_states.push_back(output.hidden);
  const size_t count = request.layers < 0 ? layers.size() : static_cast<size_t>(request.layers);
  for (size_t i = 0; i < count; ++i) {
    SelfAttention::Output layer =
        layers[i](std::move(output.hidden), layout, positions, request.attentions);
    output.hidden = layer.hidden;
    if (request.hidden_states) output.hidden_states.push_back(output.hidden);
    if (request.attentions) output.attentions.push_back(layer.weights);
    add_to_sum(static_cast<int64_t>(i) + 1);
  }
  if (sum.defined()) output.hidden = sum;
  return output;
}

}  // namespace w2vbert
