#include "w2vbert/modules/encoder_layer.h"

#include <utility>

namespace w2vbert {

EncoderLayer::EncoderLayer(const Scope& scope, const Config& config)
    : ffn1_layer_norm(scope / "ffn1_layer_norm", config.hidden_size, config.layer_norm_eps),
      ffn1(scope / "ffn1", config, config.hidden_size, config.hidden_act),
      self_attn_layer_norm(scope / "self_attn_layer_norm", config.hidden_size,
                           config.layer_norm_eps),
      self_attn(scope / "self_attn", config, config.hidden_size, config.position_embeddings_type,
                config.attention_dropout),
      conv_module(scope / "conv_module", config),
      ffn2_layer_norm(scope / "ffn2_layer_norm", config.hidden_size, config.layer_norm_eps),
      ffn2(scope / "ffn2", config, config.hidden_size, config.hidden_act),
      final_layer_norm(scope / "final_layer_norm", config.hidden_size, config.layer_norm_eps) {}

EncoderLayer::Output EncoderLayer::operator()(Tensor x, const Layout& layout,
                                              const Tensor& positions, bool return_weights,
                                              TrainingPass* training) const {
  ops::LinearInput rows{std::move(x), &ffn1_layer_norm};
  rows = ffn1(rows, {std::nullopt, rows.x, 0.5}, {Tensor(), &self_attn_layer_norm}, training);
  SelfAttention::Output attention = self_attn(rows, layout, positions, return_weights, rows.x,
                                              conv_module.reader(layout), training);
  rows = std::exchange(attention.hidden, {});
  rows = conv_module(rows, layout, {Tensor(), &ffn2_layer_norm}, training);
  rows = ffn2(rows, {std::nullopt, rows.x, 0.5}, {Tensor(), &final_layer_norm}, training);
  return {ops::normalize(rows), attention.weights};
}

}  // namespace w2vbert
