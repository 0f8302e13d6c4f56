// Wav2Vec2BertEncoder: the stack of conformer blocks.
#pragma once

#include <memory>
#include <vector>

#include "w2vbert/modules/encoder_layer.h"

namespace w2vbert {

struct Encoder {
  struct Request {
    bool hidden_states = false;
    bool attentions = false;
    int64_t layers = -1;   // how many layers to compute; -1: all
    Tensor layer_weights;  // [layers + 1]: the result is the sum of all hidden states, so weighted;
                           // undefined: the result is the last one
  };
  struct Output {
    Tensor hidden;                      // [total_time, hidden]: the last one, or the weighted sum
    std::vector<Tensor> hidden_states;  // the input of the first layer, then each layer's output
    std::vector<Tensor> attentions;     // per layer, see SelfAttention::Output
  };

  Encoder(const Scope& scope, const Config& config);
  // Rows that are not valid enter the first layer as zeros. Training gives no attentions; a layer
  // that it leaves out has its input as hidden state.
  Output operator()(Tensor x, const Layout& layout, const Request& request,
                    TrainingPass* training) const;

  std::vector<EncoderLayer> layers;
  PositionEmbeddings position_embeddings;
  std::unique_ptr<RelativePositionTables> relative_positions;
  int64_t hidden_size;
  double hidden_dropout;
  double layerdrop;
};

}  // namespace w2vbert
