// Wav2Vec2BertEncoderLayer: one conformer block.
#pragma once

#include "w2vbert/modules/convolution_module.h"
#include "w2vbert/modules/feed_forward.h"
#include "w2vbert/modules/self_attention.h"

namespace w2vbert {

struct EncoderLayer {
  struct Output {
    Tensor hidden;   // [total_time, hidden]
    Tensor weights;  // see SelfAttention::Output
  };

  EncoderLayer(const Scope& scope, const Config& config);
  // A caller that moves x in has its memory back before the layer ends.
  Output operator()(Tensor x, const Layout& layout, const Tensor& positions, bool return_weights,
                    TrainingPass* training) const;

  LayerNorm ffn1_layer_norm;
  FeedForward ffn1;
  LayerNorm self_attn_layer_norm;
  SelfAttention self_attn;
  ConvolutionModule conv_module;
  LayerNorm ffn2_layer_norm;
  FeedForward ffn2;
  LayerNorm final_layer_norm;
};

}  // namespace w2vbert
