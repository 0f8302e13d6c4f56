#include "w2vbert/models/wav2vec2_bert.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "w2vbert/models/spec_augment.h"
#include "w2vbert/torch/aten.h"

namespace w2vbert {
namespace {

[[noreturn]] void refuse(const std::string& message) { throw std::invalid_argument(message); }

void check_features(const Tensor& features, int64_t dims, const Config& config) {
  const bool typed = !features.is_cpu() || features.dtype() == DType::kFloat32;
  if (!typed || features.dim() != dims ||
      features.size(-1) != config.feature_projection_input_dim) {
    refuse("input_features is " + features.describe() + "; expected float32 " +
           (dims == 3 ? "[batch, time, " : "[total_time, ") +
           std::to_string(config.feature_projection_input_dim) + "]");
  }
}

// [batch, time] of any dtype, true where it is not 0, as a new tensor: bool [batch * time].
Tensor row_mask(const char* name, const Tensor& mask, int64_t batch, int64_t time) {
  if (!mask.defined()) return mask;
  if (mask.dim() != 2 || mask.size(0) != batch || mask.size(1) != time) {
    refuse(std::string(name) + " is " + mask.describe() + "; expected [" + std::to_string(batch) +
           ", " + std::to_string(time) + "], like input_features");
  }
  const Tensor dense = aten::reshape(aten::contiguous(mask), {batch * time});
  const bool bytes = dtype_size(dense.dtype()) == 1 && dense.dtype() != DType::kFloat8;
  if (!bytes) return aten::to(dense, DType::kBool);
  // A caller may have written other bytes than 0 and 1 into a tensor of truth values.
  Tensor valid = Tensor::empty({batch * time}, DType::kBool);
  const auto* in = static_cast<const uint8_t*>(dense.raw_data());
  std::transform(in, in + batch * time, valid.data<bool>(), [](uint8_t byte) { return byte != 0; });
  return valid;
}

void check_count(int64_t utterances) {
  if (utterances == 0) refuse("the batch has no utterances; expected at least one");
}

void check_length(size_t utterance, int64_t length) {
  if (length < 1) {
    refuse("utterance " + std::to_string(utterance) + " has " + std::to_string(length) +
           " frames; expected at least one");
  }
}

// int64 [total_time]
Tensor utterance_of_rows(const Layout& layout) {
  Tensor owners = Tensor::empty({layout.total()}, DType::kInt64);
  for (int64_t u = 0; u < layout.utterances(); ++u) {
    int64_t* first = owners.data<int64_t>() + layout.offsets[static_cast<size_t>(u)];
    std::fill(first, first + layout.length(u), u);
  }
  return owners;
}

// bool [total_time], drawn for utterances as long as the longest.
Tensor draw_masked_time(const Layout& layout, const Config& config, SpanDraws& draws) {
  const auto spans = draw_spans(
      layout.valid_lengths(), layout.longest(),
      {"mask_time", config.mask_time_prob, config.mask_time_length, config.mask_time_min_masks},
      draws);
  Tensor mask = Tensor::empty({layout.total()}, DType::kBool);
  for (size_t u = 0; u < spans.size(); ++u) {
    std::copy_n(spans[u].begin(), layout.length(static_cast<int64_t>(u)),
                mask.data<bool>() + layout.offsets[u]);
  }
  return mask;
}

// bool [utterances, hidden]
Tensor draw_masked_features(int64_t utterances, const Config& config, SpanDraws& draws) {
  const std::vector<int64_t> widths(static_cast<size_t>(utterances), config.hidden_size);
  const auto spans = draw_spans(widths, config.hidden_size,
                                {"mask_feature", config.mask_feature_prob,
                                 config.mask_feature_length, config.mask_feature_min_masks},
                                draws);
  Tensor mask = Tensor::empty({utterances, config.hidden_size}, DType::kBool);
  bool* out = mask.data<bool>();
  for (const auto& row : spans) out = std::copy(row.begin(), row.end(), out);
  return mask;
}

}  // namespace

ModelInput padded_input(const Tensor& features, const Tensor& attention_mask,
                        const Tensor& masked_time, const Config& config) {
  check_features(features, 3, config);
  const int64_t batch = features.size(0);
  const int64_t time = features.size(1);
  check_count(batch);
  check_length(0, time);  // before anything is made for each of the utterances: there may be 2^60
  ModelInput input;
  input.layout =
      Layout::padded(batch, time, row_mask("attention_mask", attention_mask, batch, time));
  input.features = aten::reshape(features, {batch * time, features.size(2)});
  input.masked_time = row_mask("mask_time_indices", masked_time, batch, time);
  input.padded = true;
  return input;
}

ModelInput ragged_input(const Tensor& features, const std::vector<int64_t>& lengths,
                        const Config& config) {
  check_features(features, 2, config);
  check_count(static_cast<int64_t>(lengths.size()));
  int64_t rest = features.size(0);  // compared rather than a sum, which can overflow
  for (size_t u = 0; u < lengths.size(); ++u) {
    check_length(u, lengths[u]);
    if (lengths[u] > rest) {
      refuse("utterance " + std::to_string(u) + " has " + std::to_string(lengths[u]) +
             " frames, but only " + std::to_string(rest) + " are left of input_features, " +
             features.describe());
    }
    rest -= lengths[u];
  }
  if (rest != 0) {
    refuse("the lengths add up to " + std::to_string(features.size(0) - rest) +
           " frames, but input_features is " + features.describe());
  }
  return {features, Layout::ragged(lengths), Tensor(), false};
}

ModelInput ModelInput::to(const Device& device, DType dtype) const {
  ModelInput input = *this;
  input.features = aten::to(features.to(device), dtype);
  input.layout = layout.to(device);
  input.masked_time = masked_time.to(device);
  input.masked_features = masked_features.to(device);
  return input;
}

Wav2Vec2BertModel::Wav2Vec2BertModel(const Scope& scope, const Config& config)
    : config_(config),
      feature_projection_(scope / "feature_projection", config),
      encoder_(scope.compact() / "encoder", config) {
  if (config.mask_time_prob > 0 || config.mask_feature_prob > 0) {
    masked_spec_embed_ = scope.get("masked_spec_embed", {config.hidden_size}, Init::uniform(0, 1));
  }
  if (config.use_intermediate_ffn_before_adapter) {
    intermediate_ffn_.emplace(scope.compact() / "intermediate_ffn", config, config.hidden_size,
                              Activation::kRelu);
  }
  if (config.add_adapter) adapter_.emplace(scope / "adapter", config);
}

int64_t Wav2Vec2BertModel::output_size() const {
  return config_.add_adapter ? config_.output_hidden_size : config_.hidden_size;
}

Tensor Wav2Vec2BertModel::mask(Tensor hidden, const ModelInput& input) const {
  if (!config_.apply_spec_augment) return hidden;
  Tensor masked_time = input.masked_time;
  Tensor masked_features = input.masked_features;
  if (input.training != nullptr) {
    RandomSpanDraws draws(input.training->random());
    if (!masked_time.defined() && config_.mask_time_prob > 0) {
      masked_time = draw_masked_time(input.layout, config_, draws);
    }
    if (!masked_features.defined() && config_.mask_feature_prob > 0) {
      masked_features = draw_masked_features(input.layout.utterances(), config_, draws);
    }
  }
  masked_time = masked_time.to(hidden.device());
  masked_features = masked_features.to(hidden.device());
  if (masked_time.defined()) {
    if (!masked_spec_embed_.defined()) {
      refuse(
          "mask_time_indices is given, but this model has no masked_spec_embed: its "
          "mask_time_prob and mask_feature_prob are 0");
    }
    hidden = aten::where(aten::reshape(masked_time, {-1, 1}), masked_spec_embed_, hidden);
  }
  if (masked_features.defined()) {
    const Tensor rows =
        aten::index_select(masked_features, 0, utterance_of_rows(input.layout).to(hidden.device()));
    hidden = aten::masked_fill(hidden, rows, aten::to(Tensor::scalar(0), hidden.dtype()));
  }
  return hidden;
}

ModelOutput Wav2Vec2BertModel::forward(const ModelInput& given,
                                       const Encoder::Request& request) const {
  if (request.layers > config_.num_hidden_layers) {
    refuse("layer is " + std::to_string(request.layers) +
           "; this model has the hidden states 0 to " + std::to_string(config_.num_hidden_layers));
  }
  const ModelInput input = given.to(device(), dtype());
  TrainingPass* const training = input.training;
  const GradMode mode(GradMode::enabled() &&
                      (training == nullptr || !training->mode().freeze_base));
  FeatureProjection::Output projected = feature_projection_(input.features, training);
  Tensor hidden = mask(std::exchange(projected.hidden, Tensor()), input);
  Encoder::Output encoded = encoder_(std::move(hidden), input.layout, request, training);
  ModelOutput output{encoded.hidden,
                     input.layout,
                     projected.features,
                     std::move(encoded.hidden_states),
                     std::move(encoded.attentions),
                     input.layout};
  if (request.layers >= 0 || request.layer_weights.defined()) return output;
  if (intermediate_ffn_) {
    const Tensor x = output.last_hidden_state;
    output.last_hidden_state = (*intermediate_ffn_)({x}, {std::nullopt, x, 0.5}, training);
  }
  if (adapter_) {
    Adapter::Output adapted = (*adapter_)(output.last_hidden_state, output.layout, training);
    output.last_hidden_state = adapted.hidden;
    output.layout = std::move(adapted.layout);
  }
  return output;
}

}  // namespace w2vbert
