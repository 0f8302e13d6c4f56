// Wav2Vec2BertModel: features to hidden states. One definition for padded and packed input, for
// inference and training.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "w2vbert/models/config.h"
#include "w2vbert/modules/adapter.h"
#include "w2vbert/modules/encoder.h"
#include "w2vbert/modules/feature_projection.h"

namespace w2vbert {

// What a model is called with, on any device: the model brings it to its own.
struct ModelInput {
  Tensor features;  // [total_time, feature_projection_input_dim]; float32 on the CPU
  Layout layout;
  Tensor masked_time;   // bool [total_time]: rows that masked_spec_embed replaces; or undefined
  bool padded = false;  // all utterances equally long, with padding: as the reference is called
  Tensor masked_features = Tensor();  // bool [utterances, hidden]: columns that become 0; or
                                      // undefined
  TrainingPass* training = nullptr;   // of a pass in training mode, which draws the masks that are
                                      // not given

  // The same on a device, with features of the given type.
  ModelInput to(const Device& device, DType dtype) const;
};

// In the type and on the device of the model.
struct ModelOutput {
  Tensor last_hidden_state;  // [layout.total(), width]
  Layout layout;             // of last_hidden_state: shorter than the input's with an adapter
  Tensor extract_features;   // [input_layout.total(), feature_projection_input_dim], normed
  std::vector<Tensor> hidden_states;  // as Encoder::Output, rows of input_layout
  std::vector<Tensor> attentions;
  Layout input_layout;
};

// Input of padded form: features [batch, time, feature_projection_input_dim], mask and masked_time
// (any dtype, not 0 where true; or undefined) [batch, time]. Throws std::invalid_argument
// if shapes or dtypes do not fit.
ModelInput padded_input(const Tensor& features, const Tensor& attention_mask,
                        const Tensor& masked_time, const Config& config);

// Input of ragged form: features [total_time, feature_projection_input_dim] of utterances of the
// given lengths. Throws std::invalid_argument if they do not fit.
ModelInput ragged_input(const Tensor& features, const std::vector<int64_t>& lengths,
                        const Config& config);

class Wav2Vec2BertModel {
 public:
  Wav2Vec2BertModel(const Scope& scope, const Config& config);

  // With request.layers = k >= 0 the result is hidden_states[k], with request.layer_weights the
  // weighted sum; in both cases nothing behind it is computed, such as an adapter. Throws
  // std::invalid_argument if there is no layer k, an utterance is empty, or too short for the
  // adapter.
  ModelOutput forward(const ModelInput& input, const Encoder::Request& request) const;

  const Config& config() const { return config_; }
  // Where the model computes, and in which type.
  Device device() const { return feature_projection_.layer_norm.weight.device(); }
  DType dtype() const { return feature_projection_.layer_norm.weight.dtype(); }
  // The width of last_hidden_state.
  int64_t output_size() const;

 private:
  // SpecAugment: with the given masks, or in training with fresh ones.
  Tensor mask(Tensor hidden, const ModelInput& input) const;

  Config config_;
  FeatureProjection feature_projection_;
  Tensor masked_spec_embed_;  // [hidden], or undefined where the configuration masks nothing
  Encoder encoder_;
  std::optional<FeedForward> intermediate_ffn_;
  std::optional<Adapter> adapter_;
};

}  // namespace w2vbert
