// The options of a Wav2Vec2-BERT model: config.json as the reference writes it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "w2vbert/ops/activation.h"

namespace w2vbert {

enum class PositionEmbeddings {
  kNone,         // null
  kRelativeKey,  // "relative_key": Shaw et al. 2018, clipped
  kRelative,     // "relative": Transformer-XL
  kRotary,       // "rotary"
};

enum class CtcLossReduction { kSum, kMean, kNone };  // "sum", "mean", "none"

// Fields are named as in config.json and hold the reference's defaults; a null there is
// std::nullopt.
struct Config {
  // Encoder
  int64_t hidden_size = 1024;
  int64_t num_hidden_layers = 24;
  int64_t num_attention_heads = 16;
  int64_t intermediate_size = 4096;
  int64_t feature_projection_input_dim = 160;
  Activation hidden_act = Activation::kSilu;
  double layer_norm_eps = 1e-5;
  int64_t conv_depthwise_kernel_size = 31;
  PositionEmbeddings position_embeddings_type = PositionEmbeddings::kRelativeKey;
  int64_t rotary_embedding_base = 10000;
  int64_t max_source_positions = 5000;  // initial size of a table that grows: bounds nothing
  int64_t left_max_position_embeddings = 64;
  int64_t right_max_position_embeddings = 8;

  // Adapter
  bool add_adapter = false;
  int64_t adapter_kernel_size = 3;
  int64_t adapter_stride = 2;
  int64_t num_adapter_layers = 1;
  Activation adapter_act = Activation::kRelu;
  bool use_intermediate_ffn_before_adapter = false;
  int64_t output_hidden_size = 1024;  // null or absent in the file: hidden_size

  // Heads
  std::optional<int64_t> vocab_size;
  bool use_weighted_layer_sum = false;
  int64_t classifier_proj_size = 768;
  std::vector<int64_t> tdnn_dim = {512, 512, 512, 512, 1500};
  std::vector<int64_t> tdnn_kernel = {5, 3, 3, 1, 1};
  std::vector<int64_t> tdnn_dilation = {1, 2, 3, 1, 1};
  int64_t xvector_output_dim = 512;
  std::map<int64_t, std::string> id2label = {{0, "LABEL_0"}, {1, "LABEL_1"}};
  std::map<std::string, int64_t> label2id = {{"LABEL_0", 0}, {"LABEL_1", 1}};

  // Tokens
  std::optional<int64_t> pad_token_id = 0;  // the blank of CTC
  std::optional<int64_t> bos_token_id = 1;
  std::optional<int64_t> eos_token_id = 2;

  // Training
  double hidden_dropout = 0.0;
  double activation_dropout = 0.0;
  double attention_dropout = 0.0;
  double feat_proj_dropout = 0.0;
  double final_dropout = 0.1;
  double conformer_conv_dropout = 0.1;
  double layerdrop = 0.1;
  double initializer_range = 0.02;
  bool apply_spec_augment = true;
  double mask_time_prob = 0.05;
  int64_t mask_time_length = 10;
  int64_t mask_time_min_masks = 2;
  double mask_feature_prob = 0.0;
  int64_t mask_feature_length = 10;
  int64_t mask_feature_min_masks = 0;
  CtcLossReduction ctc_loss_reduction = CtcLossReduction::kSum;
  bool ctc_zero_infinity = false;

  // Checkpoint
  std::vector<std::string> architectures;  // class names, such as "Wav2Vec2BertForCTC"
  std::optional<std::string> torch_dtype;  // "float32"; newer files say "dtype" instead

  // The file this was read from. to_json() keeps what it holds besides the options.
  std::string document = "{}";

  int64_t num_labels() const { return static_cast<int64_t>(id2label.size()); }
  int64_t head_size() const { return hidden_size / num_attention_heads; }

  // Throws std::invalid_argument, naming the option, its value and what is expected, unless the
  // model can be built. Stricter than the reference, which builds a model with hidden_size 30 and 4
  // heads and fails in its first call.
  void check() const;

  // The config.json of these options: `document` with its unknown keys and their order, a changed
  // option overwritten, a missing one appended. Labels are left out, as the reference does, while
  // nobody gave any.
  std::string to_json() const;

  // Valid frames after one layer of the adapter, and after all of them (`time` as it is without
  // adapter), according to the reference, which counts with a padding of adapter_kernel_size / 2.
  // Throw std::invalid_argument if `time` is negative.
  int64_t adapter_layer_output_length(int64_t time) const;
  int64_t adapter_output_length(int64_t time) const;

  // Frames that the adapter's convolutions give, which are padded by adapter_stride / 2: differs
  // from the above unless both halves are equal. 0 if `time` is too short for a kernel.
  int64_t conv_output_length(int64_t time) const;

  // The same for one layer of the adapter.
  int64_t conv_layer_output_length(int64_t time) const;

  // Samples from one output frame to the next: `hop` samples per mel frame, of which
  // `feature_stride` make one input frame, times the strides of the adapter. (The reference takes
  // 2 * feature_projection_input_dim for it, which is right only with its default extractor and
  // without adapter.) Throws std::invalid_argument unless both arguments are positive and the
  // result fits.
  int64_t inputs_to_logits_ratio(int64_t hop = 160, int64_t feature_stride = 2) const;
};

// Reads the text of a config.json. Keys that are not options are kept for to_json(). Throws
// std::invalid_argument, beginning with `source`, if the text is not JSON, is of another model
// type, has an option of the wrong type or does not pass check().
Config parse_config(const std::string& json_text, const std::string& source = "config.json");

}  // namespace w2vbert
