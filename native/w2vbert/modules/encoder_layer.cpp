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

SelfAttention::Output EncoderLayer::operator()(Tensor x, const Layout& layout,
                                               const Tensor& positions, bool return_weights,
                                               TrainingPass* training) const {
  x = ffn1({x, &ffn1_layer_norm}, {std::nullopt, x, 0.5}, training);
  SelfAttention::Output attention =
      self_attn({x, &self_attn_layer_norm}, layout, positions, return_weights, x, training);
  x = std::exchange(attention.hidden, Tensor());
  x = conv_module(x, layout, training);
  x = ffn2({x, &ffn2_layer_norm}, {std::nullopt, x, 0.5}, training);
  return {final_layer_norm(x), attention.weights};
}

}  // namespace w2vbert
